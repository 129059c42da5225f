//! Programs that write events: what comes of their lines, what they are told, and how they begin and end.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::scene::Service;
use crate::support::shim::{Refusal, Shim};
use crate::support::stage::{Stage, lives, wait_until};

/// A stage with a source `feed` of this script, and a rule that writes down the id, the kind and `i` of each event.
fn feed(script: &str, options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.script("feed.sh", script);
    stage.rule(
        "source:feed",
        &format!("type = exec\ncommand = feed.sh\n{options}"),
    );
    stage.rule(
        "r",
        "events = feed, feed.*\nscript = seen.sh\nscript_params = i",
    );
    stage.script(
        "seen.sh",
        r#"echo "$ESI_EVENT_TYPE $ESI_EVENT_ID $1" >>"$LOG""#,
    );
    stage
}

/// The numbers that the program wrote there, once there are so many.
fn numbers(stage: &Stage, name: &str, many: usize) -> Vec<String> {
    let read = || fs::read_to_string(stage.path(name)).unwrap_or_default();
    wait_until(&format!("{many} lines in {name}"), || {
        read().lines().count() >= many
    });
    read().lines().map(str::to_owned).collect()
}

#[test]
fn a_line_is_an_event_and_is_acknowledged_once_it_is_on_disk() {
    let stage = feed(
        r#"echo '{"id": "a", "type": "up", "i": 1}'
echo 'no object'
echo
echo '{"id": "a", "type": "up", "i": 2}'
echo '{"i": NaN, "key": "k"}'
read -r ack; echo "$ack" >acks
while [ "$ack" != '{"ack": 5}' ]; do read -r ack; echo "$ack" >>acks; done
echo "$ESI_SOURCE $ESI_JOURNAL" >told
echo "written to the log" >&2
exec sleep 1000"#,
        "",
    );
    let service = Service::listen(&stage);
    // They have different keys, so either may be the first.
    let mut log = stage.wait_for_log(2);
    log.sort_unstable();
    assert_eq!(log[1], "feed.up a 1");
    let words: Vec<&str> = log[0].split(' ').collect();
    let [event_type, id, ""] = words[..] else {
        panic!("{log:?}");
    };
    assert_eq!((event_type, id.len()), ("feed", 34));
    assert!(id.ends_with("-5"), "{id}");
    let told = &numbers(&stage, "told", 1)[0];
    assert!(told.starts_with("exec:feed "), "{told}");
    service.wait_for("written to the log");
    let quarantined = stage.quarantined();
    assert_eq!(quarantined.len(), 1);
    let reason = quarantined[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("expected a JSON object"), "{reason}");
    let log = service.stop();
    assert!(log.contains("exec:feed: "), "{log}");
}

#[test]
fn a_line_that_is_too_long_is_in_quarantine_with_its_head() {
    let stage = feed(
        r#"echo '{"i": 1}'; head -c 9000000 /dev/zero | tr '\0' x; echo; echo '{"i": 2}'; exec sleep 1000"#,
        "",
    );
    let service = Service::listen(&stage);
    stage.wait_for_log(2);
    let quarantined = stage.quarantined();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0]["size"], 9_000_000);
    let reason = quarantined[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("at most 4194304 bytes"), "{reason}");
    service.stop();
}

#[test]
fn a_program_that_fails_is_started_again_and_one_that_is_over_is_not() {
    let stage = feed(
        r#"echo "start" >>starts; echo '{"i": 1}'; [ $(wc -l <starts) = 3 ] || exit 3"#,
        "restart = no",
    );
    let service = Service::listen(&stage);
    numbers(&stage, "starts", 3);
    service.wait_for("exec:feed: the program has ended");
    stage.wait_for_log(3);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(numbers(&stage, "starts", 3).len(), 3);
    let log = service.stop();
    let failed = "the program ended with exit status 3";
    assert_eq!(log.matches(failed).count(), 2, "{log}");
    for delay in ["trying again in 1s", "trying again in 2s"] {
        assert!(log.contains(delay), "{log}");
    }
}

#[test]
fn a_program_that_has_ended_well_is_started_again_unless_only_what_is_there_is_asked_for() {
    let stage = feed(r#"echo "start" >>starts; echo '{"i": 1}'"#, "");
    let output = stage.run(&["listen", "--until-idle"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stage.log().len(), 1);
    let service = Service::listen(&stage);
    numbers(&stage, "starts", 3);
    service.wait_for("the program ended with exit status 0");
    service.stop();
}

#[test]
fn a_stop_asks_the_program_first_and_forces_it_and_its_children_then() {
    let polite =
        r#"trap 'echo asked >>ends; exit 0' TERM; echo '{"i": 1}'; while :; do sleep 0.1; done"#;
    let stage = feed(polite, "");
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    service.stop();
    assert_eq!(numbers(&stage, "ends", 1), ["asked"]);

    let deaf = r#"trap '' TERM; sleep 1000 & echo "$$ $!" >pids; echo '{"i": 1}'; wait; wait"#;
    let stage = feed(deaf, "kill_grace = 1s");
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    let pids = numbers(&stage, "pids", 1).remove(0);
    let begun = Instant::now();
    service.stop();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(!pids.split(' ').any(lives), "{pids}");
}

#[test]
fn what_a_killed_service_left_is_ended_before_the_program_is_started_again() {
    let stage = feed(
        r#"sleep 1000 & echo "$$ $!" >>pids; echo '{"i": 1}'; exec sleep 1000"#,
        "",
    );
    let service = Service::listen(&stage);
    stage.wait_for_log(1);
    service.kill();
    let first = numbers(&stage, "pids", 1).remove(0);
    assert!(first.split(' ').all(lives), "{first}");
    let service = Service::listen(&stage);
    numbers(&stage, "pids", 2);
    assert!(!first.split(' ').any(lives), "{first}");
    service.wait_for("exec:feed: ended 2 processes that were left of it");
    service.stop();
}

#[test]
fn a_program_that_writes_without_end_waits_while_nothing_can_be_written() {
    let stage = feed(
        r#"fill=$(head -c 10000 /dev/zero | tr '\0' x); yes "{\"fill\": \"$fill\"}""#,
        "",
    );
    let shim = Shim::new(&stage);
    let service = Service::start(shim.below(&mut stage.program("listen")));
    stage.wait_for_log(1);
    shim.refuse(Refusal::Full);
    service.wait_for("failed to accept deliveries in the journal");
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        service.largest_size() < 120,
        "{} MiB",
        service.largest_size()
    );
    shim.mend();
    service.stop();
}

#[test]
fn a_program_that_is_not_there_is_told_by_check_and_looked_for_again() {
    let stage = feed("exit 1", "");
    fs::remove_file(stage.path("feed.sh")).expect("a file");
    let output = stage.run(&["check"]);
    let problems = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["`feed.sh` is neither in ", ":7:11, section [source:feed]"] {
        assert!(problems.contains(part), "no `{part}` in {problems}");
    }
    let service = Service::listen(&stage);
    service.wait_for("`feed.sh` is neither in ");
    stage.script("feed.sh", r#"echo '{"i": 1}'; exec sleep 1000"#);
    stage.wait_for_log(1);
    service.stop();
}
