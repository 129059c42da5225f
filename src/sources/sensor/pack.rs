//! What a `StackStorm` pack says of its sensors: `sensors/*.yaml`, and its name in `pack.yaml`.
//!
//! Of the metadata of a sensor, `class_name`, `entry_point`, `poll_interval` and the names in `trigger_types` are read. All but
//! `find` is pure.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Number, Value};

use crate::core::ini::problem::nearest;
use crate::os::program::Unfit;
use crate::sources::yaml;

/// The most that is read of a file, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A sensor of a pack.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sensor {
    /// What the pack calls itself.
    pub(super) pack: String,
    /// The file with its class.
    pub(super) file: PathBuf,
    /// How many seconds apart it polls, if that is said.
    pub(super) poll_interval: Option<Number>,
    /// The types of event that it says to dispatch.
    pub(super) event_types: Vec<String>,
}

/// What a file of metadata says.
#[derive(Debug, PartialEq, Eq)]
struct Metadata {
    class: String,
    entry_point: String,
    poll_interval: Option<Number>,
    triggers: Vec<String>,
}

/// The files of metadata, each with what it says or why that cannot be told.
type All = Vec<(PathBuf, Result<Metadata, String>)>;

/// The sensor of this class in the pack in this folder.
///
/// # Errors
/// What is not there, or cannot be read.
pub(super) fn find(pack: &Path, class: &str) -> Result<Sensor, Unfit> {
    let folder = pack.join("sensors");
    let files = yaml_files(&folder).map_err(|error| Unfit {
        what: format!("failed to read {}: {error}", folder.display()),
        remedy: "name the folder of a pack in `pack`, relative to that of the configuration or from `/` on".to_owned(),
    })?;
    let all = files.into_iter().map(|file| {
        let metadata = text(&file).and_then(|text| metadata(&text));
        (file, metadata)
    });
    let (file, found) = choose(all.collect(), &folder, class)?;
    let entry = folder.join(&found.entry_point);
    if !entry.is_file() || entry.extension().is_none_or(|it| it != "py") {
        return Err(Unfit {
            what: format!("{} is no file with Python", entry.display()),
            remedy: format!("correct `entry_point` in {}", file.display()),
        });
    }
    let named = text(&pack.join("pack.yaml")).and_then(|text| yaml::read(&text));
    let name = pack_name(named.ok().as_ref(), pack);
    let event_types = found.triggers.iter();
    let event_types = event_types.map(|trigger| format!("{name}.{trigger}"));
    Ok(Sensor {
        file: entry,
        poll_interval: found.poll_interval,
        event_types: event_types.collect(),
        pack: name,
    })
}

/// In the order of their names.
fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|it| it == "yaml" || it == "yml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, String> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|error: io::Error| error.to_string())
}

fn metadata(text: &str) -> Result<Metadata, String> {
    let value = yaml::read(text)?;
    let field = |name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| format!("expected text in `{name}`, but found none"))
    };
    let poll_interval = match value.get("poll_interval") {
        Some(Value::Number(number)) if number.as_f64().is_some_and(|it| it > 0.0) => {
            Some(number.clone())
        }
        _ => None,
    };
    let triggers = value.get("trigger_types").and_then(Value::as_array);
    let triggers = triggers.into_iter().flatten().filter_map(|trigger| {
        let name = trigger.get("name")?.as_str()?;
        Some(name.to_owned())
    });
    Ok(Metadata {
        class: field("class_name")?,
        entry_point: field("entry_point")?,
        poll_interval,
        triggers: triggers.collect(),
    })
}

/// The metadata of a class, and the file that has it.
fn choose(all: All, folder: &Path, class: &str) -> Result<(PathBuf, Metadata), Unfit> {
    let (mut known, mut unreadable) = (Vec::new(), None);
    for (file, metadata) in all {
        match metadata {
            Ok(metadata) if metadata.class == class => return Ok((file, metadata)),
            Ok(metadata) => known.push(metadata.class),
            Err(why) => unreadable = unreadable.or(Some((file, why))),
        }
    }
    let folder = folder.display();
    let mut what = format!("no file in {folder} is about a sensor of the class `{class}`");
    if let Some((file, why)) = unreadable {
        what = format!("{what}, but {} cannot be read ({why})", file.display());
    }
    let remedy = match nearest(class, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            "name the folder of a pack with `sensors/*.yaml` in `pack`".to_owned()
        }
        None => format!("write one of these in `class`: {}", known.join(", ")),
    };
    Err(Unfit { what, remedy })
}

/// What a pack is called: its `ref`, or its `name` if that can be one, else its folder.
fn pack_name(metadata: Option<&Value>, folder: &Path) -> String {
    let field = |name: &str| metadata?.get(name)?.as_str().filter(|text| is_name(text));
    let named = field("ref").or_else(|| field("name"));
    let of_folder = || {
        folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    named
        .map(str::to_owned)
        .or_else(of_folder)
        .unwrap_or_default()
}

fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !text.is_empty() && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(class: &str) -> Metadata {
        Metadata {
            class: class.to_owned(),
            entry_point: format!("{class}.py"),
            poll_interval: None,
            triggers: Vec::new(),
        }
    }

    #[test]
    fn of_the_metadata_what_is_needed_is_read() {
        let whole = r#"
---
  class_name: "JIRASensor"
  entry_point: "jira_sensor.py"
  description: "Sensor which monitors JIRA: for new tickets"
  poll_interval: 30
  enabled: false
  trigger_types:
    -
      name: "issues_tracker"
      payload_schema: {type: object, properties: {id: {type: string}}}
    - {name: other, parameters_schema: {}}
    - no object
"#;
        let expected = Metadata {
            class: "JIRASensor".to_owned(),
            entry_point: "jira_sensor.py".to_owned(),
            poll_interval: Some(30.into()),
            triggers: vec!["issues_tracker".to_owned(), "other".to_owned()],
        };
        assert_eq!(metadata(whole), Ok(expected));
        for (text, interval) in [
            ("5", Some("5")),
            ("0.5", Some("0.5")),
            ("0", None),
            ("soon", None),
            ("", None),
        ] {
            let text = format!("class_name: A\nentry_point: A.py\npoll_interval: {text}");
            let found = metadata(&text).unwrap();
            let found = found.poll_interval.map(|number| number.to_string());
            assert_eq!(found.as_deref(), interval, "{text}");
        }
        for (text, told) in [
            ("", "expected text in `class_name`"),
            ("[1]", "expected text in `class_name`"),
            ("class_name: A", "expected text in `entry_point`"),
            (
                "class_name: 1\nentry_point: a.py",
                "expected text in `class_name`",
            ),
            ("class_name: [", "expected YAML"),
        ] {
            let found = metadata(text).unwrap_err();
            assert!(found.contains(told), "{text}: {found}");
        }
    }

    #[test]
    fn a_class_that_is_not_there_is_told_with_those_that_are() {
        let all = |classes: &[&str]| -> All {
            let all = classes.iter().map(|class| {
                let file = PathBuf::from(format!("s/{class}.yaml"));
                let metadata = if class.is_empty() {
                    Err("broken".to_owned())
                } else {
                    Ok(made(class))
                };
                (file, metadata)
            });
            all.collect()
        };
        let folder = Path::new("s");
        let (file, found) = choose(all(&["A", "", "Jira"]), folder, "Jira").unwrap();
        assert_eq!((file, found), (PathBuf::from("s/Jira.yaml"), made("Jira")));
        for (classes, told) in [
            (
                &["A", "Jira"][..],
                "no file in s is about a sensor of the class `Jirra`: did you mean `Jira`?",
            ),
            (&["A", "B"], "`Jirra`: write one of these in `class`: A, B"),
            (
                &[],
                "`Jirra`: name the folder of a pack with `sensors/*.yaml`",
            ),
            (
                &["", "A"],
                "`Jirra`, but s/.yaml cannot be read (broken): write one of these in `class`: A",
            ),
        ] {
            let unfit = choose(all(classes), folder, "Jirra")
                .unwrap_err()
                .to_string();
            assert!(unfit.contains(told), "{unfit}");
        }
    }

    #[test]
    fn a_pack_has_its_own_name_or_that_of_its_folder() {
        for (metadata, expected) in [
            (json!({"ref": "jira", "name": "x"}), "jira"),
            (json!({"name": "jira_2"}), "jira_2"),
            (json!({"name": "Atlassian JIRA"}), "stackstorm-jira"),
            (json!({"ref": 5, "name": "jira"}), "jira"),
            (json!(null), "stackstorm-jira"),
        ] {
            let found = pack_name(Some(&metadata), Path::new("/packs/stackstorm-jira"));
            assert_eq!(found, expected, "{metadata}");
        }
    }

    #[test]
    fn what_a_pack_lacks_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("demo");
        let found = || find(&pack, "Demo").map_err(|unfit| unfit.to_string());
        let told = found().unwrap_err();
        assert!(
            told.contains("failed to read ") && told.contains("in `pack`"),
            "{told}"
        );
        fs::create_dir_all(pack.join("sensors")).unwrap();
        let write = |name: &str, text: &str| fs::write(pack.join(name), text).unwrap();
        write(
            "sensors/demo.yaml",
            "class_name: Demo\nentry_point: demo.py\ntrigger_types: [{name: a}]",
        );
        let told = found().unwrap_err();
        assert!(
            told.contains("demo.py is no file with Python: correct `entry_point` in "),
            "{told}"
        );
        write("sensors/demo.py", "");
        write("pack.yaml", "name: demo pack\nref: pack");
        let expected = Sensor {
            pack: "pack".to_owned(),
            file: pack.join("sensors/demo.py"),
            poll_interval: None,
            event_types: vec!["pack.a".to_owned()],
        };
        assert_eq!(found(), Ok(expected));
    }
}
