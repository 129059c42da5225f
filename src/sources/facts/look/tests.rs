//! Real files, and what the recorded cases of Ansible's `file` come to here.

use std::fs;

use serde_json::{Value, json};

use super::*;

/// What one look came to: payloads, reasons for quarantine, and a failure.
#[derive(Debug, Default, PartialEq)]
struct Told {
    payloads: Vec<Value>,
    quarantined: Vec<String>,
    failure: Option<String>,
}

/// Looks again and again at the same files.
struct Watcher {
    look: FactsLook,
    memory: Memory,
    opening: Opening,
}

impl Watcher {
    fn new(files: Vec<PathBuf>) -> Self {
        let opening = Opening::of_tests("facts:f");
        Self {
            look: FactsLook::new(files),
            memory: Memory::default(),
            opening,
        }
    }

    async fn look(&mut self) -> Told {
        let looked = self.look.look(&self.memory, &self.opening).await;
        self.memory = looked.memory;
        let mut told = Told {
            failure: looked.failure,
            ..Told::default()
        };
        for decoded in looked.decoded {
            match decoded {
                Decoded::Event(arrival) => told.payloads.push(arrival.event.payload),
                Decoded::Undecodable(entry) => told.quarantined.push(entry.reason),
            }
        }
        told
    }
}

/// Does what a recorded case did to files.
fn operate(folder: &Path, operation: &Value) {
    let word = |at: usize| operation[at].as_str().unwrap_or_default();
    let path = folder.join(word(1));
    match word(0) {
        "write" => fs::write(path, word(2)).unwrap(),
        "writebytes" => {
            let digits = word(2).as_bytes().chunks(2);
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
            fs::write(
                path,
                digits.map(|pair| byte(pair).unwrap()).collect::<Vec<_>>(),
            )
            .unwrap();
        }
        "atomic" => {
            let aside = folder.join("aside");
            fs::write(&aside, word(2)).unwrap();
            fs::rename(aside, path).unwrap();
        }
        "unlink" => fs::remove_file(path).unwrap(),
        "mkdir" => fs::create_dir(path).unwrap(),
        other => panic!("{other}"),
    }
}

/// Where our answer is another one, and why.
fn differs(id: &str) -> Option<(&'static str, Value)> {
    Some(match id {
        "file-013" => (
            "`!!binary` and `!!set` have no form in JSON: told, to quarantine",
            json!([]),
        ),
        "file-023" => (
            "a file that is replaced is seen",
            json!([{"a": 1}, {"a": 2}]),
        ),
        "file-024" => ("a change is one event", json!([{"a": 1}, {"a": 3}])),
        _ => return None,
    })
}

#[tokio::test(start_paused = true)]
async fn what_ansible_told_of_files_is_told_but_for_what_is_listed() {
    let recorded = include_str!("../../../../tests/data/eda/file.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 19);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let operations = |when: &str| case["input"][when].as_array().cloned().unwrap_or_default();
        for operation in operations("before") {
            operate(folder.path(), &operation);
        }
        // `files` is a comma list here; text is a file, and none at all is a problem of the configuration.
        let files = match &case["args"]["files"] {
            Value::Array(files) => files.clone(),
            Value::String(file) => vec![Value::from(format!("$DIR/{file}"))],
            _ => continue,
        };
        let path = |file: &Value| {
            folder
                .path()
                .join(file.as_str().unwrap().replace("$DIR/", ""))
        };
        let mut watcher = Watcher::new(files.iter().map(path).collect());
        let mut all = watcher.look().await;
        for operation in operations("operations") {
            operate(folder.path(), &operation);
        }
        all.payloads.extend(watcher.look().await.payloads);
        let expected = differs(id).map_or_else(|| case["events"].clone(), |(_, events)| events);
        assert_eq!(Value::from(all.payloads), expected, "{id}");
        // What ended the plugin is told, and ends nothing.
        let was_refused = case["main"]["state"] == "raised" || id == "file-013";
        let is_told = all.failure.is_some() || !all.quarantined.is_empty();
        assert_eq!(
            is_told, was_refused,
            "{id}: {:?} {:?}",
            all.failure, all.quarantined
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_content_is_told_once_and_again_once_the_file_was_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    let mut watcher = Watcher::new(vec![file.clone()]);
    assert!(
        watcher
            .look()
            .await
            .failure
            .unwrap()
            .contains("a.json: No such file")
    );
    let one = || Told {
        payloads: vec![json!({"a": 1})],
        ..Told::default()
    };
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    assert_eq!(watcher.look().await, one());
    assert_eq!(watcher.look().await, Told::default());
    // Written anew with the same content, and seen by a service that comes next.
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    assert_eq!(watcher.look().await, Told::default());
    let mut next = Watcher::new(vec![file.clone()]);
    next.memory = watcher.memory.clone();
    assert_eq!(next.look().await, Told::default());
    fs::remove_file(&file).unwrap();
    assert!(next.look().await.failure.is_some());
    fs::write(&file, r#"{"a": 1}"#).unwrap();
    assert_eq!(next.look().await, one());
    fs::write(&file, "{").unwrap();
    let [reason] = &next.look().await.quarantined[..] else {
        panic!("one reason");
    };
    assert!(
        reason.ends_with("a.json: expected JSON, but line 1, column 1 ends it"),
        "{reason}"
    );
    assert_eq!(next.look().await, Told::default());
    assert_eq!(next.memory.0.values().map(|it| it.count).sum::<u64>(), 3);
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let told = Watcher::new(vec![pipe]).look().await;
    assert!(told.failure.unwrap().contains("expected a file"));
}

#[tokio::test]
async fn a_file_that_is_being_written_is_left_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yml");
    fs::write(&file, "a: 1\n").unwrap();
    let mut watcher = Watcher::new(vec![file.clone()]);
    let writing = async {
        for line in 0..5 {
            tokio::time::sleep(SETTLED / 2).await;
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text}b{line}: 2\n")).unwrap();
        }
    };
    let (told, ()) = tokio::join!(watcher.look(), writing);
    assert_eq!(told.payloads.len(), 1);
    assert_eq!(told.payloads[0].as_object().unwrap().len(), 6, "{told:?}");
}
