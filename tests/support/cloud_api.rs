//! A Keystone and an ESI Leap over real HTTP, small but strict: logins are checked, tokens end,
//! rows and leases are what the scenario says, and each kind of answer can go wrong.
//!
//! The answers have the form of the real ones (Keystone v3; ESI Leap's WSME).

mod answers;
mod tls;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) use tls::Authority;

/// What the cloud lets in.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "correct \"horse\" battery";
pub(crate) const CREDENTIAL_ID: &str = "0123456789012345678901234567890e";
pub(crate) const CREDENTIAL_SECRET: &str = "staple-secret";

/// What every token begins with.
pub(crate) const TOKEN_PREFIX: &str = "gAAAAAtoken-";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Token,
    Events,
    Lease,
}

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status with this body.
    Status(u16, String),
    /// 200 with this text.
    Text(String),
    /// The answer, but the connection ends in the middle.
    Cut,
    /// The first half of the answer, then nothing more.
    Stall,
    /// Nothing at all.
    Hang,
    /// A redirect to there.
    Elsewhere(String),
}

/// What the cloud has, and what was asked of it.
struct State {
    rows: Vec<Value>,
    leases: BTreeMap<String, Value>,
    faults: BTreeMap<Asked, VecDeque<Fault>>,
    seen: BTreeMap<Asked, usize>,
    logins: Vec<Value>,
    /// The tokens that are good.
    tokens: Vec<String>,
    token_life: Duration,
    service: String,
    address: String,
}

/// A running cloud; it ends with this value.
pub(crate) struct CloudApi {
    state: Arc<Mutex<State>>,
    authority: Option<Authority>,
    // Dropped last: it serves.
    _runtime: Runtime,
}

impl CloudApi {
    /// A cloud without rows or leases.
    pub(crate) fn start() -> Self {
        Self::serve(None)
    }

    /// The same with TLS, under the name `localhost`.
    pub(crate) fn start_with_tls() -> Self {
        Self::serve(Some(Authority::new()))
    }

    fn serve(authority: Option<Authority>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // No certificate names an address.
        let (scheme, host) = match authority {
            Some(_) => ("https", "localhost"),
            None => ("http", "127.0.0.1"),
        };
        let state = Arc::new(Mutex::new(State {
            rows: Vec::new(),
            leases: BTreeMap::new(),
            faults: BTreeMap::new(),
            seen: BTreeMap::new(),
            logins: Vec::new(),
            tokens: Vec::new(),
            token_life: Duration::from_secs(3600),
            service: "lease".to_owned(),
            address: format!("{scheme}://{host}:{port}"),
        }));
        let router = Router::new()
            .route("/identity/v3/auth/tokens", post(answers::token))
            .route("/leap/v1/events", get(answers::events))
            .route("/leap/v1/leases/{uuid}", get(answers::lease))
            .with_state(Arc::clone(&state));
        match &authority {
            None => runtime.spawn(async move {
                axum::serve(listener, router).await.expect("it serves");
            }),
            Some(authority) => {
                let listener = tls::Listener::new(listener, authority);
                runtime.spawn(async move {
                    axum::serve(listener, router).await.expect("it serves");
                })
            }
        };
        Self {
            state,
            authority,
            _runtime: runtime,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Adds rows, by the names of the API or of the `openstack` program, in whatever order.
    pub(crate) fn rows(&self, rows: impl IntoIterator<Item = Value>) -> &Self {
        self.state()
            .rows
            .extend(rows.into_iter().map(answers::as_api_row));
        self
    }

    /// Adds a lease, or replaces it.
    pub(crate) fn lease(&self, lease: Value) -> &Self {
        let uuid = lease["uuid"].as_str().expect("a lease's uuid").to_owned();
        self.state().leases.insert(uuid, lease);
        self
    }

    /// The next answer of this kind goes wrong, after those that are to go wrong already.
    pub(crate) fn fault(&self, asked: Asked, fault: Fault) -> &Self {
        self.state()
            .faults
            .entry(asked)
            .or_default()
            .push_back(fault);
        self
    }

    /// How long tokens are good from now on.
    pub(crate) fn token_life(&self, life: Duration) -> &Self {
        self.state().token_life = life;
        self
    }

    /// All tokens are refused from now on, whatever was said of their end.
    pub(crate) fn revoke_tokens(&self) -> &Self {
        self.state().tokens.clear();
        self
    }

    /// The type of service under which the catalogue has ESI Leap.
    pub(crate) fn service(&self, kind: &str) -> &Self {
        kind.clone_into(&mut self.state().service);
        self
    }

    /// How often this was asked for.
    pub(crate) fn seen(&self, asked: Asked) -> usize {
        self.state().seen.get(&asked).copied().unwrap_or_default()
    }

    /// The bodies of the requests for tokens.
    pub(crate) fn logins(&self) -> Vec<Value> {
        self.state().logins.clone()
    }

    /// Keystone's address.
    pub(crate) fn auth_url(&self) -> String {
        format!("{}/identity", self.state().address)
    }

    /// Writes `clouds.yaml` and `secure.yaml` for the cloud `test`, with a password; with TLS also
    /// the authority that is to be trusted. Gives the path of `clouds.yaml`.
    pub(crate) fn clouds_yaml(&self, folder: &Path) -> PathBuf {
        let auth = json!({
            "auth_url": self.auth_url(),
            "username": USER,
            "user_domain_name": "Default",
            "project_name": "tenant-a",
            "project_domain_id": "default",
        });
        self.write(
            folder,
            json!({ "auth": auth }),
            json!({ "auth": { "password": PASSWORD } }),
        )
    }

    /// The same with an application credential.
    pub(crate) fn clouds_yaml_with_credential(&self, folder: &Path) -> PathBuf {
        let auth = json!({
            "auth_url": self.auth_url(),
            "application_credential_id": CREDENTIAL_ID,
        });
        let secret = json!({ "auth": { "application_credential_secret": CREDENTIAL_SECRET } });
        let cloud = json!({ "auth_type": "v3applicationcredential", "auth": auth });
        self.write(folder, cloud, secret)
    }

    /// JSON is YAML.
    fn write(&self, folder: &Path, mut cloud: Value, secure: Value) -> PathBuf {
        if let Some(authority) = &self.authority {
            let file = folder.join("ca.pem");
            fs::write(&file, authority.pem()).expect("a file");
            cloud["cacert"] = file.to_str().expect("a path").into();
        }
        for (name, cloud) in [("secure.yaml", secure), ("clouds.yaml", cloud)] {
            let text = json!({ "clouds": { "test": cloud } }).to_string();
            fs::write(folder.join(name), text).expect("a file");
        }
        folder.join("clouds.yaml")
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
