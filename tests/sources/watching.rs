//! Folders: changes are told as they come.

use std::fs;

use crate::support::service::Service;
use crate::support::stage::{Stage, wait_until};

fn watched(options: &str) -> Stage {
    let mut stage = Stage::new("");
    fs::create_dir(stage.path("in")).expect("a folder");
    stage.rule(
        "source:uploads",
        &format!("type = watch\npaths = in\n{options}"),
    );
    let rule = "events = uploads\nscript = record.sh\nscript_params = change, src_path";
    stage.rule("report", rule);
    stage
}

/// What ran, without the folder's own path.
fn told(stage: &Stage) -> Vec<String> {
    let folder = stage.path("in").display().to_string();
    stage
        .log()
        .iter()
        .map(|line| line.replace(&folder, ""))
        .collect()
}

#[test]
fn changes_are_told_as_they_come() {
    let stage = watched("patterns = *.iso\nkinds = created, moved, deleted\nrecursive = yes");
    let service = Service::start(&mut stage.program("listen"));
    wait_until("the first look", || {
        let listed = stage.run(&["sources", "list", "--format", "json"]);
        String::from_utf8_lossy(&listed.stdout).contains("0 files and folders")
    });
    fs::create_dir(stage.path("out")).expect("a folder");
    fs::write(stage.path("out/b.iso"), "1").expect("a file");
    fs::write(stage.path("in/a.iso.part"), "1").expect("a file");
    fs::rename(stage.path("in/a.iso.part"), stage.path("in/a.iso")).expect("a file");
    stage.wait_for_log(1);
    // A tree that is moved in.
    fs::rename(stage.path("out"), stage.path("in/tree")).expect("a folder");
    stage.wait_for_log(2);
    fs::remove_file(stage.path("in/tree/b.iso")).expect("a file");
    stage.wait_for_log(3);
    let log = service.stop();
    assert!(log.contains("watch:uploads: changes in "), "{log}");
    let told = told(&stage);
    assert_eq!(told[1..], ["created|/tree/b.iso|", "deleted|/tree/b.iso|"]);
    // Whether somebody looked in between.
    assert!(
        ["created|/a.iso|", "moved|/a.iso.part|"].contains(&&*told[0]),
        "{told:?}"
    );
}
