//! What can be told of all that `listen` serves, before any of it is opened.

use std::net::SocketAddr;
use std::path::Path;

use super::{Listen, SourceSetup};
use crate::config::{NamedSource, Problem, Purpose, unheard_types};
use crate::core::rules::RuleSet;
use crate::http::listener::Conflict;
use crate::ops::sources::Configured;
use crate::sources::amqp::BUS;
use crate::sources::{Asking, FeedCheckup, FeedFile, FeedSettings, Pending, Program, Reply, Setup};

impl Listen {
    /// What there is, as the journal calls it.
    #[must_use]
    pub fn configured(&self) -> Vec<Configured> {
        let bus = self.bus.iter().map(|(_, bus)| Configured {
            source: BUS.to_owned(),
            summary: Setup::summary(bus),
        });
        let sources = self.sources.iter().map(|named| Configured {
            source: named.source.identity(&named.name),
            summary: named.source.setup.summary(),
        });
        bus.chain(sources).collect()
    }
}

impl SourceSetup {
    /// What the journal calls the source of this name.
    #[must_use]
    pub fn identity(&self, name: &str) -> String {
        format!("{}:{name}", self.kind)
    }
}

impl FeedSettings for Listen {
    fn files(&self, folder: &Path) -> Vec<FeedFile> {
        let of_bus = self.bus.iter().flat_map(|(_, bus)| bus.files(folder));
        let of_sources = self.sources.iter().flat_map(|named| {
            let files = named.source.setup.secret_files();
            files.into_iter().map(move |(path, option)| FeedFile {
                path,
                purpose: Purpose::Secret(option),
                section: Some(named.section()),
            })
        });
        let of_cloud = self.asking.iter().flat_map(|asking| asking.files(folder));
        let of_programs = self.sources.iter().flat_map(|named| {
            let setup = &named.source.setup;
            let program = setup.program().and_then(|program| program.find().ok());
            let code = setup.code_files().into_iter().map(|path| FeedFile {
                path,
                purpose: Purpose::Program,
                section: None,
            });
            let files = program.into_iter().chain(code);
            files.map(|file| FeedFile {
                section: Some(named.section()),
                ..file
            })
        });
        of_bus
            .chain(of_sources)
            .chain(of_programs)
            .chain(of_cloud)
            .collect()
    }

    fn check(&self, folder: &Path, rules: &RuleSet) -> FeedCheckup {
        let bus = self.bus.as_ref();
        let of_bus = bus.map(|(_, bus)| bus.check(folder, rules));
        let mut checkup = of_bus.unwrap_or_default();
        for named in &self.sources {
            checkup.append(named.source.setup.check_files(&named.section()));
        }
        if let Some(asking) = &self.asking {
            checkup.problems.append(asking.check_asking(folder, rules));
        }
        for named in &self.sources {
            let unheard = unheard_types(&named.source.setup.event_types(), rules.all());
            if let Some(problem) = unheard {
                checkup.problems.push(problem.within(named.section()));
            }
            let program = named.source.setup.program();
            if let Some(Err(problem)) = program.map(Program::find) {
                checkup.problems.push(problem.within(named.section()));
            }
            for (path, option) in named.source.setup.secret_files() {
                let reading = std::fs::File::open(&path).map(drop);
                checkup.note(&named.section(), option, "file", &path, reading);
            }
        }
        checkup
    }

    fn summary(&self) -> String {
        let bus = self.bus.iter().map(|(_, bus)| Setup::summary(bus));
        let sources = self.sources.iter().map(|named| {
            let SourceSetup { kind, setup } = &named.source;
            format!("{} ({kind} {})", named.name, setup.summary())
        });
        bus.chain(sources).collect::<Vec<_>>().join(", ")
    }

    fn ask_all<'a>(&'a self, asking: &'a Asking<'a>) -> Pending<'a, Vec<Reply>> {
        Box::pin(async move {
            let mut replies = Vec::new();
            if let Some((_, bus)) = &self.bus {
                replies.extend(bus.ask_all(asking).await);
            }
            for named in &self.sources {
                if let Some(reply) = named.source.setup.ask(asking).await {
                    let identity = named.source.identity(&named.name);
                    replies.push(reply.named(&identity, &named.section()));
                }
            }
            if let Some(history) = &self.asking {
                replies.push(history.ask_about_leases(asking).await);
            }
            replies
        })
    }
}

/// Sources to which requests are sent where another one is in the way, or what is at `http`: the later one of each two, and
/// what is wrong.
pub(super) fn conflicts(
    sources: &[NamedSource<SourceSetup>],
    http: Option<SocketAddr>,
) -> Vec<(String, Problem)> {
    let places = sources
        .iter()
        .filter_map(|NamedSource { name, source, .. }| {
            let posts = source.setup.posts()?;
            Some((name, &posts.place))
        });
    let places: Vec<_> = places.collect();
    let mut found = Vec::new();
    for (at, (name, place)) in places.iter().enumerate() {
        let address = place.address.network();
        if http
            .zip(address)
            .is_some_and(|(one, two)| one.port() == two.port())
        {
            let message = format!(
                "`{name}` listens on {}, whose port `http` names for metrics and health",
                place.address
            );
            let hint = "let `http` name another port: what is for administrators is apart from what others reach";
            found.push(((*name).clone(), Problem::error(message, hint)));
            continue;
        }
        let mut before = places[..at].iter();
        let conflict = before.find_map(|(other, its)| Some((other, its, place.conflict(its)?)));
        let Some((other, its, conflict)) = conflict else {
            continue;
        };
        let (message, hint) = match conflict {
            Conflict::Path => (
                format!("`{name}` and `{other}` both take the requests at {place}"),
                "give each of them a `path` of its own",
            ),
            Conflict::Tls => (
                format!(
                    "`{name}` and `{other}` share {}, but not their TLS",
                    place.address
                ),
                "let both say the same in `ssl_cert_file`, `ssl_key_file` and `ssl_ca_file`, or use another port",
            ),
            Conflict::Address => (
                format!(
                    "`{name}` listens on {} and `{other}` on {}: one of them is a part of the other",
                    place.address, its.address
                ),
                "let both say the same in `listen`, or use another port",
            ),
        };
        found.push(((*name).clone(), Problem::error(message, hint)));
    }
    found
}
