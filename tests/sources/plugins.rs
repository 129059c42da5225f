//! Event source plugins of Ansible: with the real program and a real Python, and held against what was recorded of
//! ansible-rulebook.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::scene::Service;
use crate::support::stage::{Stage, lives, wait_until};

const COMMON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sources/program/common.py");
const FILTERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sources/eda/filters.py");
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sources/eda/shim.py");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/eda");

/// What a driver prints that goes through recorded cases: the cases that are not as they should be, and a last line.
fn gone_through(driver: &str, arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(format!("{DATA}/{driver}"))
        .args(arguments)
        .output()
        .expect("python3");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_builtin_filters_are_those_of_ansible_rulebook() {
    let cases = format!("{DATA}/filters.json");
    assert_eq!(
        gone_through("check_filters.py", &[FILTERS, &cases]),
        "103 cases\n"
    );
}

#[test]
fn plugins_are_run_as_ansible_rulebook_does_but_for_what_is_listed() {
    let cases = format!("{DATA}/contract.json");
    let told = gone_through("check_contract.py", &[COMMON, FILTERS, SHIM, &cases]);
    assert_eq!(told, "76 cases\n");
}

/// A stage with a plugin `source`, and a rule that writes `i` of its events down.
fn plugin(text: &str, options: &str) -> Stage {
    let mut stage = Stage::new("");
    fs::write(stage.path("mine.py"), text).expect("a plugin");
    stage.rule(
        "source:bus",
        &format!("type = eda\nplugin = mine\n{options}"),
    );
    stage.rule(
        "r",
        "events = bus\nscript = record.sh\nscript_params = i, meta.source.name, meta.source.type, meta.hosts",
    );
    stage
}

fn wait_for_file(stage: &Stage, name: &str) -> String {
    let read = || fs::read_to_string(stage.path(name)).unwrap_or_default();
    wait_until(name, || read().ends_with('\n'));
    read()
}

#[test]
fn a_put_comes_back_once_the_event_is_on_disk() {
    let stage = plugin(
        r#"
import asyncio, json, subprocess

async def main(queue, args):
    # What it starts takes nothing of what the service tells.
    assert subprocess.run(["cat"], stdout=subprocess.PIPE).stdout == b""
    print("printed by the plugin")
    await queue.put([{"i": args["first"], "host-name": "h"}, {"i": 2}])
    # What a rule made of it is in the journal by now.
    with open("seen", "w") as file:
        file.write("put\n")
    await queue.put({"i": b"no JSON"})
    queue.put_nowait({"i": 3})
    await asyncio.Future()
"#,
        r#"args = {"first": 1}
filters = [{"eda.builtin.dashes_to_underscores": {}}, {"ansible.eda.insert_hosts_to_meta": {"host_path": "host_name", "log_error": false}}]"#,
    );
    let service = Service::listen(&stage);
    wait_for_file(&stage, "seen");
    assert!(stage.runs().len() >= 2);
    let log = stage.wait_for_log(3);
    assert_eq!(
        log,
        [r#"1|bus|mine|["h"]|"#, "2|bus|mine||", "3|bus|mine||",]
    );
    wait_until("what is no JSON to be in quarantine", || {
        stage.quarantined().len() == 1
    });
    let quarantined = stage.quarantined();
    let reason = quarantined[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("not JSON serializable"), "{reason}");
    let log = service.stop();
    assert!(log.contains("printed by the plugin"), "{log}");
}

#[test]
fn an_event_with_a_uuid_of_its_own_is_one_however_often_it_is_put() {
    let stage = plugin(
        r#"
async def main(queue, args):
    for i in range(3):
        await queue.put({"i": i, "meta": {"uuid": "u%d" % (i % 2)}})
"#,
        "restart = no",
    );
    let service = Service::listen(&stage);
    service.wait_for("eda:bus: the program has ended");
    let log = stage.wait_for_log(2);
    assert!(
        log[0].starts_with("0|") && log[1].starts_with("1|"),
        "{log:?}"
    );
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(stage.log().len(), 2);
    service.stop();
}

#[test]
fn a_plugin_that_raises_is_told_with_its_traceback_and_started_again() {
    let stage = plugin(
        r#"
async def main(queue, args):
    with open("starts", "a") as file:
        file.write("start\n")
    await queue.put({"i": 1})
    raise ConnectionError("no broker")
"#,
        "",
    );
    let service = Service::listen(&stage);
    stage.wait_for_log(2);
    service.wait_for("ConnectionError: no broker");
    service.wait_for("the program ended with exit status 1: ConnectionError: no broker");
    let log = service.stop();
    for part in [
        "Traceback (most recent call last)",
        "mine.py",
        "trying again in 1s",
    ] {
        assert!(log.contains(part), "no `{part}` in {log}");
    }
}

#[test]
fn a_stop_cancels_a_plugin_and_one_that_blocks_is_killed() {
    let stage = plugin(
        r#"
import asyncio

async def main(queue, args):
    await queue.put({"i": 1})
    try:
        await asyncio.Future()
    finally:
        await asyncio.sleep(0.2)
        with open("cleaned", "w") as file:
            file.write("up\n")
"#,
        "",
    );
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    service.stop();
    assert_eq!(wait_for_file(&stage, "cleaned"), "up\n");

    let stage = plugin(
        r#"
import os, time

async def main(queue, args):
    await queue.put({"i": 1})
    with open("pid", "w") as file:
        file.write("%d\n" % os.getpid())
    time.sleep(1000)
"#,
        "kill_grace = 500ms",
    );
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    let pid = wait_for_file(&stage, "pid");
    service.stop();
    assert!(!lives(pid.trim()));
}

#[test]
fn a_plugin_of_a_collection_is_found_by_its_name_and_one_that_is_not_there_is_told() {
    let mut stage = plugin("", "");
    let folder = stage.path("c/ansible_collections/my/own/extensions/eda/plugins/event_source");
    fs::create_dir_all(&folder).expect("a folder");
    let text = "async def main(queue, args):\n    await queue.put({'i': 1})\n";
    fs::write(folder.join("thing.py"), text).expect("a plugin");
    stage.no_rules();
    stage.rule(
        "source:bus",
        "type = eda\nplugin = my.own.thing\nrestart = no",
    );
    stage.rule("source:none", "type = eda\nplugin = my.own.other");
    stage.rule(
        "r",
        "events = bus, none\nscript = record.sh\nscript_params = meta.source.type",
    );
    let mut command = stage.program("listen");
    command.env("ANSIBLE_COLLECTIONS_PATH", stage.path("c"));
    let service = Service::start(&mut command);
    assert_eq!(stage.wait_for_log(1), ["my.own.thing|"]);
    service.wait_for("with exit status 1: there is no event source my.own.other: looked for ");
    service.stop();
}
