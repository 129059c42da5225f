//! Which log lines are wanted: a level for all of ours, and others for parts of the program, as `RUST_LOG` has it.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The target of the lines that scripts write.
pub const OUTPUT: &str = "output";

/// What libraries warn of, and nothing below: that would show what is on the wire.
const LIBRARIES: &str = "libraries";

/// The rooms of the program, which are the first part of a module's name.
const ROOMS: [&str; 14] = [
    "actions",
    "amqp",
    "app",
    "cli",
    "config",
    "core",
    "engine",
    "http",
    "journal",
    "ops",
    "os",
    "sources",
    "state",
    "supervisor",
];

/// The levels of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    ours: LevelFilter,
    libraries: LevelFilter,
    parts: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// Ours up to this level; at `DEBUG` with what libraries warn of.
    #[must_use]
    pub fn new(ours: LevelFilter) -> Self {
        let libraries = match ours {
            LevelFilter::DEBUG => LevelFilter::WARN,
            _ => LevelFilter::OFF,
        };
        Self {
            ours,
            libraries,
            parts: Vec::new(),
        }
    }

    /// The same, but for what `text` says: levels and `PART=LEVEL`, separated by commas.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let Some((part, level)) = word.split_once('=') else {
                self = Self {
                    parts: self.parts,
                    ..Self::new(level_of(word)?)
                };
                continue;
            };
            let (part, level) = (part.trim(), level_of(level)?);
            match part {
                LIBRARIES if level > LevelFilter::WARN => {
                    return Err(format!(
                        "expected `off`, `error` or `warn` for `{LIBRARIES}`, but found `{word}`: below warnings \
                         they show what is on the wire, passwords and payloads"
                    ));
                }
                LIBRARIES => self.libraries = level,
                OUTPUT => self.parts.push((OUTPUT.to_owned(), level)),
                part if ROOMS.contains(&part) => {
                    let target = format!("{}::{part}", env!("CARGO_CRATE_NAME"));
                    self.parts.push((target, level));
                }
                _ => {
                    return Err(format!(
                        "expected one of {}, `{OUTPUT}` (what scripts write) or `{LIBRARIES}` before `=`, but found \
                         `{part}`",
                        ROOMS.map(|room| format!("`{room}`")).join(", ")
                    ));
                }
            }
        }
        Ok(self)
    }

    pub(super) fn targets(&self) -> Targets {
        Targets::new()
            .with_default(self.libraries)
            .with_target(env!("CARGO_CRATE_NAME"), self.ours)
            .with_target(OUTPUT, self.ours)
            .with_targets(self.parts.iter().cloned())
    }
}

fn level_of(word: &str) -> Result<LevelFilter, String> {
    match word.trim() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        found => Err(format!(
            "expected `off`, `error`, `warn`, `info` or `debug`, but found `{found}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    const ENGINE: &str = "esi_event_actions::engine::dispatch";
    const AMQP: &str = "esi_event_actions::amqp";

    #[test]
    fn a_list_of_levels_says_which_lines_are_wanted() {
        // Of these targets, up to which level.
        let cases = [
            (
                "",
                [
                    Some(Level::INFO),
                    Some(Level::INFO),
                    Some(Level::INFO),
                    None,
                ],
            ),
            (
                "debug",
                [
                    Some(Level::DEBUG),
                    Some(Level::DEBUG),
                    Some(Level::DEBUG),
                    Some(Level::WARN),
                ],
            ),
            (
                "warn, amqp=debug",
                [
                    Some(Level::WARN),
                    Some(Level::DEBUG),
                    Some(Level::WARN),
                    None,
                ],
            ),
            (
                "output=debug",
                [
                    Some(Level::INFO),
                    Some(Level::INFO),
                    Some(Level::DEBUG),
                    None,
                ],
            ),
            (
                "engine=off,libraries=error",
                [
                    None,
                    Some(Level::INFO),
                    Some(Level::INFO),
                    Some(Level::ERROR),
                ],
            ),
        ];
        let all = [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        for (text, expected) in cases {
            let targets = Levels::new(LevelFilter::INFO).with(text).unwrap().targets();
            let most = [ENGINE, AMQP, OUTPUT, "lapin::channel"].map(|target| {
                all.into_iter()
                    .find(|level| targets.would_enable(target, level))
            });
            assert_eq!(most, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_the_list_is_told() {
        let cases = [
            (
                "loud",
                "expected `off`, `error`, `warn`, `info` or `debug`, but found `loud`",
            ),
            ("engine=5", "but found `5`"),
            ("lapin=warn", "before `=`, but found `lapin`"),
            ("libraries=debug", "what is on the wire"),
        ];
        for (text, expected) in cases {
            let why = Levels::new(LevelFilter::INFO).with(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn each_room_of_the_program_can_be_named() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut rooms: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.contains('.') && name != "telemetry")
            .collect();
        rooms.sort_unstable();
        assert_eq!(rooms, ROOMS);
    }
}
