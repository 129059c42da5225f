//! What can be told of all that `listen` serves, before any of it is opened.

use std::path::Path;

use super::{Listen, SourceSetup};
use crate::core::rules::RuleSet;
use crate::sources::{FeedCheckup, FeedFile, FeedSettings, Setup};

impl FeedSettings for Listen {
    fn files(&self, folder: &Path) -> Vec<FeedFile> {
        let bus = self.bus.iter();
        let of_bus = bus.flat_map(|(_, bus)| bus.files(folder));
        let of_cloud = self.asking.iter().flat_map(|asking| asking.files(folder));
        of_bus.chain(of_cloud).collect()
    }

    fn check(&self, folder: &Path, rules: &RuleSet) -> FeedCheckup {
        let bus = self.bus.as_ref();
        let of_bus = bus.map(|(_, bus)| bus.check(folder, rules));
        let mut checkup = of_bus.unwrap_or_default();
        if let Some(asking) = &self.asking {
            checkup.problems.append(asking.check_asking(folder, rules));
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
}
