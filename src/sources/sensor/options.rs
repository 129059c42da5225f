//! The options of a sensor, and how its Python is called.

use std::fmt;
use std::path::{Path, PathBuf, absolute};

use serde_json::{Map, Value, json};

use super::line;
use super::pack::{Sensor, find};
use crate::config::Options;
use crate::config::table::{Kind, OptionRow, Scope};
use crate::core::ini::text::Position;
use crate::os::program::Unfit;
use crate::sources::{KILL_GRACE, LONGEST_LINE, PYTHON, Program, Python, RESTART};

/// In the section of a sensor.
pub(super) const OPTIONS: [OptionRow; 6] = [
    OptionRow {
        name: "pack",
        scope: Scope::Source,
        kind: Kind::Path,
        default: None,
        meaning: "the folder of a StackStorm pack, with its `sensors`, relative to that of the configuration",
    },
    OptionRow {
        name: "class",
        scope: Scope::Source,
        kind: Kind::Text,
        default: None,
        meaning: "the class of the sensor: the `class_name` in one of `sensors/*.yaml`",
    },
    OptionRow {
        name: "config",
        scope: Scope::Source,
        kind: Kind::Json,
        default: None,
        meaning: "a JSON object with what the sensor gets as the configuration of its pack",
    },
    PYTHON,
    RESTART,
    KILL_GRACE,
];

const CONFIG_FORM: &str = "write a JSON object, like {\"host\": \"jira.example.org\"}";

/// What runs a sensor.
const SHIM: &[&str] = &[
    include_str!("service.py"),
    include_str!("modules.py"),
    include_str!("shim.py"),
];

/// A sensor as its options say.
pub(super) struct SensorSetup {
    /// The folder of the pack.
    pack: PathBuf,
    pub(super) class: String,
    config: Map<String, Value>,
    pub(super) python: Python,
    /// Where the class is named.
    pub(super) position: Option<Position>,
}

/// Of what a sensor gets, some may be secret.
impl fmt::Debug for SensorSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SensorSetup")
            .field("pack", &self.pack)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

impl SensorSetup {
    /// What the pack says of the sensor, as things stand now.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn find(&self) -> Result<Sensor, Unfit> {
        find(&self.pack, &self.class)
    }

    /// The program that runs it.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(super) fn program(&self) -> Result<Program, Unfit> {
        let Sensor {
            pack,
            file,
            poll_interval,
            ..
        } = self.find()?;
        let sensors = self.pack.join("sensors");
        let (beside, of_sensors, lib) = (
            file.parent().unwrap_or(&sensors),
            sensors.join("lib"),
            self.pack.join("lib"),
        );
        let folders = [beside, &of_sensors, &lib].map(Path::to_string_lossy);
        let order = json!({
            "pack": pack,
            "class": self.class,
            "file": file.to_string_lossy(),
            "folders": folders,
            "config": self.config,
            "poll_interval": poll_interval,
            "longest": LONGEST_LINE,
            "grace": self.python.program.kill_grace.as_secs_f64(),
        });
        Ok(self.python.with_order(&order))
    }
}

/// Reads them; `None` if a problem was found without which there is nothing to run.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<SensorSetup> {
    for (name, message, form) in [
        (
            "pack",
            "expected `pack` in the source, but found none",
            "name the folder of a pack, like `pack = packs/jira`",
        ),
        (
            "class",
            "expected `class` in the source, but found none",
            "name the class of a sensor in that pack, like `class = JIRASensor`",
        ),
    ] {
        if options.lacks(name) {
            options.report_section(message, form);
        }
    }
    let pack = options.path("pack", folder);
    // The program runs in the folder, wherever it is named from.
    let pack = pack.map(|pack| absolute(&pack).unwrap_or(pack));
    let class = options.text("class").map(str::to_owned);
    let position = options.get("class").map(|class| class.value.position());
    let config = if options.lacks("config") {
        Some(Map::new())
    } else {
        let entries = options.json_object("config", CONFIG_FORM);
        entries.map(|entries| entries.into_iter().map(|it| (it.name, it.value)).collect())
    };
    let python = Python::read(options, folder, SHIM, line::read);
    Some(SensorSetup {
        pack: pack?,
        class: class?,
        config: config?,
        python: python?,
        position,
    })
}
