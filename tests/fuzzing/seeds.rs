//! What fuzzing begins with: what was captured, and what was kept under `tests/data/fuzz/TARGET`,
//! awkward by design or because it once broke something.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::captured::{self, Driver};

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder)
}

/// The files in a folder, in the order of their names.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("a file");
    paths.iter().map(read).collect()
}

/// What the `openstack` client printed.
fn printed() -> Vec<Vec<u8>> {
    let stdout = |file: &Vec<u8>| {
        let call: serde_json::Value = serde_json::from_slice(file).expect("JSON");
        call["stdout"].as_str().unwrap_or_default().into()
    };
    files(&data("data/cli")).iter().map(stdout).collect()
}

/// The inputs kept for a target, and what was captured of its kind.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = files(&data("data/fuzz").join(target));
    match target {
        "envelope" => {
            let captured = Driver::ALL.into_iter().flat_map(captured::all);
            seeds.extend(captured.map(|message| message.body.into_bytes()));
            seeds.push(fs::read(data("data/property-nan.body")).expect("a file"));
        }
        "history" => seeds.extend(printed()),
        "ini" => {
            seeds.extend(files(&data("cases/config")));
            seeds.extend(files(&data("cases/history")));
            seeds.push(fs::read(data("data/documented-example.conf")).expect("a file"));
        }
        _ => {}
    }
    seeds
}
