//! Alertmanager: each alert of a request is an event, and a request that is sent again brings none.
//!
//! ```ini
//! [source:alerts]
//! type = alertmanager
//! listen = 127.0.0.1:5050
//! token_file = alerts-token
//! ```
//!
//! The events are of type `alerts.alert`; their payload is that of `ansible.eda.alertmanager`:
//!
//! ```json
//! {"alert":{"status":"firing","labels":{"alertname":"Down","instance":"n1:9100"},"fingerprint":"c0ff…"},
//!  "meta":{"endpoint":"","headers":{},"hosts":["n1"]}}
//! ```
//!
//! With `whole = yes` there is one of type `alerts.group` besides, with all that the request says. What Grafana and
//! others send in the same form is read alike. `events.rs` makes the events; the rest is as for a webhook.

mod events;
mod options;

use std::path::Path;
use std::sync::Arc;

use super::posted::PostedSource;
use super::{KeyPath, Opening, Setup, Source, SourcePart, decode_event};
use crate::config::Options;
use crate::config::table::{PartOptions, SourceKind};
use crate::core::event::PayloadPath;
use crate::http::posts::options::PostOptions;
use crate::journal::Placement;
pub use events::Alerts;

/// The row in the table of parts.
pub const PART: SourcePart = SourcePart {
    kind: SourceKind {
        options: PartOptions {
            name: "alertmanager",
            rows: &options::OPTIONS,
        },
        event_types: &[".alert", ".group"],
    },
    read,
    decode: decode_event,
    reached: None,
};

/// A source of alerts as its options say.
#[derive(Clone, Debug)]
struct AlertsSetup {
    posts: PostOptions,
    alerts: PayloadPath,
    is_whole: bool,
    key: KeyPath,
}

fn read(options: &mut Options<'_>, folder: &Path) -> Option<Arc<dyn Setup>> {
    let setup = options::read(options, folder)?;
    Some(Arc::new(setup))
}

impl Setup for AlertsSetup {
    fn open(&self, opening: Opening) -> Box<dyn Source> {
        let meaning = Alerts {
            name: opening.name.clone(),
            alerts: self.alerts.clone(),
            is_whole: self.is_whole,
            key: self.key.clone(),
        };
        Box::new(PostedSource::new(&self.posts, meaning, opening))
    }

    /// An alert is the same one wherever it is sent.
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
