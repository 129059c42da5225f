//! Who asks ESI Leap as the options say; and a small question, for `check --connect`.

use std::path::Path;

use super::options::{History, HistoryClient};
use super::{Client, ClientError, Cloud, CloudProblem, NativeClient, OpenstackClient};
use crate::config::shown_command;
use crate::core::ini::merged::DEFAULT;
use crate::sources::history::record::{Lease, Row};
use crate::sources::{Asking, Reply};

/// No event has a greater id: ESI Leap's database numbers them in 32 bits.
const LAST_ID: i64 = i32::MAX as i64;

/// No lease has this UUID.
const NO_LEASE: &str = "00000000-0000-0000-0000-000000000000";

/// What to do if the small question has no answer.
const HINT: &str = "try `openstack esi event list` as the user of the service, with the same `OS_…` variables; \
                    `client`, `cloud` and `openstack_command` say how ESI Leap is asked";

/// The client that `client` chooses.
#[derive(Debug)]
pub enum ChosenClient {
    /// The `openstack` program.
    Openstack(OpenstackClient),
    /// Our own.
    Native(Box<NativeClient>),
}

impl Client for ChosenClient {
    async fn events(&self, after: i64) -> Result<Vec<Row>, ClientError> {
        match self {
            Self::Openstack(client) => client.events(after).await,
            Self::Native(client) => client.events(after).await,
        }
    }

    async fn lease(&self, uuid: &str) -> Result<Lease, ClientError> {
        match self {
            Self::Openstack(client) => client.lease(uuid).await,
            Self::Native(client) => client.lease(uuid).await,
        }
    }
}

impl History {
    /// The client that the options choose, for this cloud. The folder is the configuration file's.
    ///
    /// # Errors
    /// [`CloudProblem`] if the built-in client has no cloud that it can use.
    pub fn chosen_client(
        &self,
        folder: &Path,
        cloud: Option<&str>,
    ) -> Result<ChosenClient, CloudProblem> {
        let limit = self.client_timeout;
        Ok(match &self.client {
            HistoryClient::Openstack(words) => {
                let cloud = cloud.map(str::to_owned);
                let client = OpenstackClient::new(folder, words.clone(), cloud, limit);
                ChosenClient::Openstack(client)
            }
            HistoryClient::Native => {
                let client = NativeClient::new(Cloud::of_process(cloud)?, limit)?;
                ChosenClient::Native(Box::new(client))
            }
        })
    }

    /// By what ESI Leap is asked, in words.
    pub(super) fn by_what(&self) -> String {
        match &self.client {
            HistoryClient::Openstack(words) => format!("using `{}`", shown_command(words)),
            HistoryClient::Native => "using the built-in client".to_owned(),
        }
    }

    /// Asks for the events behind the last one that there can be.
    pub(super) async fn ask_about_events(&self, asking: &Asking<'_>) -> Reply {
        let client = match self.chosen_client(asking.folder, self.cloud.as_deref()) {
            Ok(client) => client,
            Err(problem) => return unusable(problem),
        };
        let answer = client.events(LAST_ID).await.map(drop);
        self.reply("its event history", answer)
    }

    /// Asks for a lease that there is not: whether ESI Leap can be asked about leases.
    pub async fn ask_about_leases(&self, asking: &Asking<'_>) -> Reply {
        let client = match self.chosen_client(asking.folder, self.cloud.as_deref()) {
            Ok(client) => client,
            Err(problem) => return unusable(problem),
        };
        let answer = match client.lease(NO_LEASE).await {
            Err(error) if !error.is_absence() => Err(error),
            _ => Ok(()),
        };
        self.reply("leases", answer)
    }

    fn reply(&self, about: &str, answer: Result<(), ClientError>) -> Reply {
        let by = self.by_what();
        let reply = match answer {
            Ok(()) => Reply::fact(format!("answers about {about}, {by}")),
            Err(error) => {
                let message = format!("ESI Leap does not answer about {about}, {by}: {error}");
                Reply::refusal(message, HINT)
            }
        };
        reply.named(ESI_LEAP, DEFAULT)
    }
}

/// Whose answers they are.
const ESI_LEAP: &str = "ESI Leap";

fn unusable(CloudProblem { message, hint }: CloudProblem) -> Reply {
    Reply::refusal(message, hint).named(ESI_LEAP, DEFAULT)
}
