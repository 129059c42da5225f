//! What can be told of all that `listen` serves, before any of it is opened.

use std::path::Path;

use super::{Listen, SourceSetup};
use crate::core::rules::RuleSet;
use crate::sources::{FeedCheckup, FeedFile, FeedSettings, Setup};

impl FeedSettings for Listen {
    fn files(&self, folder: &Path) -> Vec<FeedFile> {
        let bus = self.bus.iter();
        bus.flat_map(|(_, bus)| bus.files(folder)).collect()
    }

    fn check(&self, folder: &Path, rules: &RuleSet) -> FeedCheckup {
        let bus = self.bus.as_ref();
        bus.map(|(_, bus)| bus.check(folder, rules))
            .unwrap_or_default()
    }

    fn summary(&self) -> String {
        let bus = self.bus.iter().map(|(_, bus)| Setup::summary(bus));
        let sources = self.sources.iter().map(|named| {
            let SourceSetup { kind, setup } = &named.source;
            format!("{} ({kind} {})", named.name, setup.summary())
        });
        bus.chain(sources).collect::<Vec<_>>().join(", ")
    }
}
