//! Webhooks: each request with JSON is an event.
//!
//! ```ini
//! [source:forge]
//! type = webhook
//! listen = 0.0.0.0:8443
//! path = /forge
//! hmac = sha256 X-Hub-Signature-256 forge-key
//! id = header X-GitHub-Delivery
//! ssl_cert_file = forge.pem
//! ssl_key_file = forge.key
//! ```
//!
//! The event is of type `forge`; its payload is that of `ansible.eda.webhook`:
//!
//! ```json
//! {"payload":{"action":"opened"},"meta":{"endpoint":"forge","headers":{"X-GitHub-Event":"issues"}}}
//! ```
//!
//! `event.rs` makes it of a request; how it is let in, and answered once it is on disk, is that of all sources to
//! which requests are sent (`posted.rs`, and `posts` and `listener` in the room `http`).

mod event;
mod options;

use std::path::Path;
use std::sync::Arc;

use super::posted::PostedSource;
use super::{KeyPath, Opening, Setup, Source, SourcePart, decode_event};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::http::posts::options::PostOptions;
use crate::journal::Placement;
pub use event::{Identity, Webhook};

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "webhook",
            rows: &options::OPTIONS,
        },
        event_types: &[""],
    },
    read,
    decode: decode_event,
    reached: None,
};

/// A webhook as its options say.
#[derive(Clone, Debug)]
struct WebhookSetup {
    posts: PostOptions,
    identity: Identity,
    key: KeyPath,
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let setup = options::read(options, folder)?;
    Some(Arc::new(setup))
}

impl Setup for WebhookSetup {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        let meaning = Webhook {
            name: opening.name.clone(),
            identity: self.identity.clone(),
            key: self.key.clone(),
        };
        Box::new(PostedSource::new(&self.posts, meaning, opening))
    }

    /// A sender chooses the host, and repeats what was not answered.
    fn placement(&self) -> Placement {
        Placement::Any
    }

    fn summary(&self) -> String {
        self.posts.place.to_string()
    }

    fn posts(&self) -> Option<&PostOptions> {
        Some(&self.posts)
    }
}
