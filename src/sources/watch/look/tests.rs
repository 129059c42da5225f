//! Real folders, and what the recorded cases of Ansible's `file_watch` come to here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use glob::Pattern;
use serde_json::Value;

use super::*;
use crate::sources::watch::Chosen;

/// Looks again and again at the same folders.
struct Watcher {
    look: WatchLook,
    memory: Memory,
    opening: Opening,
    failure: Option<String>,
}

impl Watcher {
    fn new(paths: &[PathBuf], recursive: bool, ignore: &[&str]) -> Self {
        let opening = Opening::of_tests("watch:w");
        let setup = Watch {
            paths: paths.to_vec(),
            chosen: Chosen {
                patterns: Vec::new(),
                ignore: ignore.iter().map(|it| Pattern::new(it).unwrap()).collect(),
                recursive,
            },
            kinds: Kind::ALL.to_vec(),
        };
        Self {
            look: WatchLook::new(setup),
            memory: Memory::default(),
            opening,
            failure: None,
        }
    }

    /// `created FileCreatedEvent a.txt` and so on.
    async fn look(&mut self) -> Vec<Value> {
        let looked = self.look.look(&self.memory, &self.opening).await;
        // What is remembered is what is on disk.
        let memory = serde_json::to_string(&looked.memory).unwrap();
        self.memory = serde_json::from_str(&memory).unwrap();
        self.failure = looked.failure;
        let payload = |decoded| match decoded {
            Decoded::Event(arrival) => arrival.event.payload,
            Decoded::Undecodable(entry) => panic!("{entry:?}"),
        };
        looked.decoded.into_iter().map(payload).collect()
    }
}

/// The changes of a path in a row are one.
fn shown(folder: &Path, payloads: &[Value]) -> Vec<String> {
    let folder = folder.display().to_string();
    let mut lines: Vec<(String, String)> = Vec::new();
    for payload in payloads {
        let place = match &payload["src_path"] {
            Value::String(path) => path.replace("$DIR", &folder).replace(&folder, ""),
            other => other["$lone"].to_string(),
        };
        let kind = payload["type"].as_str().unwrap();
        let is_again =
            lines.iter().any(|(known, _)| *known == place) && kind == "FileModifiedEvent";
        // Each change in a folder is one of the folder to Ansible; here it is one of what is in it.
        if kind != "DirModifiedEvent" && !is_again {
            lines.push((
                place,
                format!("{} {kind}", payload["change"].as_str().unwrap()),
            ));
        }
    }
    let mut lines: Vec<_> = lines
        .into_iter()
        .map(|(place, what)| format!("{what} {place}"))
        .collect();
    lines.sort();
    lines
}

fn operate(folder: &Path, outside: &Path, operation: &Value) {
    let word = |at: usize| operation[at].as_str().unwrap_or_default();
    let path = |at: usize| match word(at).strip_prefix("$OUT/") {
        Some(name) => outside.join(name),
        None => folder.join(word(at)),
    };
    let append = |text: &str| {
        let before = fs::read_to_string(path(1)).unwrap();
        fs::write(path(1), before + text).unwrap();
    };
    match word(0) {
        "write" => fs::write(path(1), word(2)).unwrap(),
        "append" => append(word(2)),
        "truncate" => fs::write(path(1), "").unwrap(),
        "unlink" => fs::remove_file(path(1)).unwrap(),
        "rename" | "rename_in" => fs::rename(path(1), path(2)).unwrap(),
        "atomic" => {
            let aside = folder.join(format!("{}.tmp", word(1)));
            fs::write(&aside, word(2)).unwrap();
            fs::rename(aside, path(1)).unwrap();
        }
        "touch" => drop(
            fs::File::open(path(1))
                .unwrap()
                .set_modified(std::time::SystemTime::now()),
        ),
        "chmod" => {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path(1), fs::Permissions::from_mode(0o600)).unwrap();
        }
        "read" => drop(fs::read(path(1)).unwrap()),
        "mkdir" => fs::create_dir_all(path(1)).unwrap(),
        "rmdir" => fs::remove_dir(path(1)).unwrap(),
        "rmtree" => fs::remove_dir_all(path(1)).unwrap(),
        "writebytes" => {
            use std::os::unix::ffi::OsStrExt;
            fs::write(folder.join(std::ffi::OsStr::from_bytes(b"a\xffb")), "").unwrap();
        }
        other => panic!("{other}"),
    }
}

/// Where our answer is another one, and why.
fn differs(id: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match id {
        "file_watch-011" => (
            "what is replaced has changed, by its own name",
            &["modified FileModifiedEvent /a.txt"],
        ),
        "file_watch-012" => ("rights are no content", &[]),
        "file_watch-024" => (
            "what is made anew is seen; that it was gone is told as a failure",
            &["created FileCreatedEvent /a.txt"],
        ),
        "file_watch-029" => (
            "what is renamed to what is ignored is gone",
            &["deleted FileDeletedEvent /a.txt"],
        ),
        "file_watch-033" => (
            "a file is named in `patterns`, its folder in `paths`: told as a failure",
            &[],
        ),
        "file_watch-039" => (
            "JSON has no such name",
            &["created FileCreatedEvent /a\u{fffd}b"],
        ),
        _ => return None,
    })
}

#[tokio::test]
async fn what_ansible_told_of_folders_is_told_but_for_what_is_listed() {
    let recorded = include_str!("../../../../tests/data/eda/file_watch.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 25, "{}", cases.len());
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Its own folder may be removed.
        let folder = folder.path().join("watched");
        fs::create_dir(&folder).unwrap();
        let operations = |when: &str| case["input"][when].as_array().cloned().unwrap_or_default();
        for operation in operations("before") {
            operate(&folder, outside.path(), &operation);
        }
        // Without a path, or with a broken pattern, it is a problem of the configuration; and `recursive` has a default.
        let Some(path) = case["args"]["path"]
            .as_str()
            .filter(|_| case["main"]["state"] != "raised")
        else {
            continue;
        };
        // Patterns are globs here.
        let ignore: &[&str] = match id {
            "file_watch-025" => &["*.swp", ".*"],
            "file_watch-026" => &[".swp"],
            "file_watch-027" => &["*.swp*"],
            "file_watch-029" => &["*.swp"],
            _ => &[],
        };
        let path = PathBuf::from(path.replace("$DIR", &folder.display().to_string()));
        let mut watcher = Watcher::new(&[path], case["args"]["recursive"] == true, ignore);
        let mut told = watcher.look().await;
        assert_eq!(told, [Value::Null; 0], "{id}");
        let mut has_failed = watcher.failure.is_some();
        for operation in operations("operations") {
            // Times of files are those of the kernel's ticks.
            tokio::time::sleep(Duration::from_millis(15)).await;
            operate(&folder, outside.path(), &operation);
            told.extend(watcher.look().await);
            has_failed |= watcher.failure.is_some();
        }
        let expected = match differs(id) {
            Some((_, lines)) => lines.iter().map(|line| (*line).to_owned()).collect(),
            None => shown(&folder, case["events"].as_array().map_or(&[], |it| it)),
        };
        assert_eq!(shown(&folder, &told), expected, "{id}");
        assert_eq!(
            has_failed,
            matches!(id, "file_watch-024" | "file_watch-033"),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_move_says_where_from_and_where_to() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "1").unwrap();
    let mut watcher = Watcher::new(&[folder.path().to_owned()], false, &[]);
    watcher.look().await;
    fs::rename(folder.path().join("a.txt"), folder.path().join("b.txt")).unwrap();
    let root = folder.path().display().to_string();
    let expected = json!({
        "change": "moved", "src_path": format!("{root}/a.txt"), "dest_path": format!("{root}/b.txt"),
        "type": "FileMovedEvent", "root_path": root,
    });
    assert_eq!(watcher.look().await, [expected]);
}

#[tokio::test]
async fn the_kernel_tells_of_what_happens_after_a_look_in_new_folders_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(&[folder.path().to_owned()], true, &[]);
    watcher.look().await;
    for name in ["new", "new/deep", "new/deep/file"] {
        let path = folder.path().join(name);
        let making = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if name.ends_with("file") {
                fs::write(&path, "1").unwrap();
            } else {
                fs::create_dir(&path).unwrap();
            }
        };
        let began = Instant::now();
        tokio::join!(watcher.look.told(), making);
        assert!(watcher.look.watch.is_some(), "{:?}", watcher.look.untold);
        assert!(began.elapsed() < UNTOLD * 20);
        let told = watcher.look().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["src_path"], path.display().to_string());
    }
}

#[tokio::test]
async fn what_changed_while_nobody_looked_is_told_and_so_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b", "c"] {
        fs::write(path(name), "1").unwrap();
    }
    let mut before = Watcher::new(&[folder.path().to_owned()], true, &["ignored"]);
    before.look().await;
    fs::remove_file(path("a")).unwrap();
    fs::write(path("b"), "22").unwrap();
    fs::write(path("d"), "1").unwrap();
    fs::create_dir(path("ignored")).unwrap();
    let mut after = Watcher::new(&[folder.path().to_owned()], true, &["ignored"]);
    after.memory = before.memory;
    let lines = shown(folder.path(), &after.look().await);
    let expected = [
        "created FileCreatedEvent /d",
        "deleted FileDeletedEvent /a",
        "modified FileModifiedEvent /b",
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        after.memory.to_string(),
        "3 files and folders, 3 changes told"
    );

    fs::remove_file(path("d")).unwrap();
    for number in 0..5_000 {
        fs::write(path(&format!("many{number}")), "").unwrap();
    }
    let told = after.look().await;
    let failure = after.failure.clone().unwrap();
    assert_eq!(told, [Value::Null; 0]);
    assert!(
        failure.starts_with("expected at most 5000 files and folders, but found more by "),
        "{failure}"
    );
    // Once they can be looked at again, what was there before is what is compared with.
    for number in 0..5_000 {
        fs::remove_file(path(&format!("many{number}"))).unwrap();
    }
    let lines = shown(folder.path(), &after.look().await);
    assert_eq!(lines, ["deleted FileDeletedEvent /d"]);
}
