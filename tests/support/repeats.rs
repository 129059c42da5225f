//! Accounts for runs amid kills: every one is made, every repeat is on record, and those of a node
//! come in order and never beside each other.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::stage::Stage;

/// A script that tells of its beginning and its end; its arguments are the node and the number of the
/// event, which rises in the order in which events of a node are to come. The lock is given back by
/// the kernel when the last process of the script is gone, however it ends: who finds it taken
/// overlaps.
pub(crate) const TIMED: &str = r#"exec 9>>"lock-$1"
flock --nonblock 9 || echo "overlap $(date +%s%N) $1 $2 $ESI_RUN_ID $ESI_ATTEMPT" >>"$LOG"
echo "start $(date +%s%N) $1 $2 $ESI_RUN_ID $ESI_ATTEMPT" >>"$LOG"
sleep 0.03
echo "end $(date +%s%N) $1 $2 $ESI_RUN_ID $ESI_ATTEMPT" >>"$LOG""#;

/// A line of [`TIMED`].
#[derive(Debug)]
struct Line {
    word: String,
    at: u64,
    node: String,
    event: usize,
    run: u64,
    attempt: u64,
}

impl Line {
    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let [word, at, node, event, run, attempt] = words[..] else {
            panic!("no line of the script: {line}");
        };
        Self {
            word: word.to_owned(),
            at: at.parse().expect("nanoseconds"),
            node: node.to_owned(),
            event: event.parse().expect("the number of the event"),
            run: run.parse().expect("the number of the run"),
            attempt: attempt.parse().expect("the number of the attempt"),
        }
    }
}

/// How often [`TIMED`] has started.
pub(crate) fn starts(stage: &Stage) -> usize {
    let log = stage.log();
    log.iter().filter(|line| line.starts_with("start")).count()
}

/// Of so many events each has succeeded, and whatever was attempted more than once was interrupted, or
/// lacked its lease; answers how many attempts did.
pub(crate) fn assert_nothing_is_lost(stage: &Stage, events: usize) -> usize {
    let lines: Vec<Line> = stage.log().iter().map(|line| Line::read(line)).collect();
    let mut started = HashSet::new();
    for line in lines.iter().filter(|line| line.word == "start") {
        let once = started.insert((line.run, line.attempt));
        assert!(once, "an attempt was made twice: {line:?}");
    }
    let ended: HashSet<(u64, u64)> = lines
        .iter()
        .filter(|line| line.word == "end")
        .map(|line| (line.run, line.attempt))
        .collect();

    let runs = stage.runs();
    assert_eq!(runs.len(), events);
    let mut attempts_on_record = HashSet::new();
    for run in &runs {
        let id = run["id"].as_u64().expect("a number");
        let attempts = run["attempts"].as_u64().expect("a number");
        assert_eq!(run["state"], "succeeded", "{run}");
        assert!(ended.contains(&(id, attempts)), "{run}");
        attempts_on_record.extend((1..=attempts).map(|attempt| (id, attempt)));
        if attempts > 1 {
            let detail = stage.run_detail(id);
            let (last, repeated) = detail["attempt_records"]
                .as_array()
                .and_then(|records| records.split_last())
                .expect("attempts");
            assert_eq!(last["outcome"], "exit status 0", "{detail}");
            for record in repeated {
                let outcome = record["outcome"].as_str().expect("an outcome");
                let lacked_lease = outcome.starts_with("not started: the lease");
                let interrupted = outcome.starts_with("interrupted");
                assert!(interrupted || lacked_lease, "{detail}");
            }
        }
    }
    assert!(started.is_subset(&attempts_on_record));
    let told: HashSet<usize> = lines.iter().map(|line| line.event).collect();
    assert_eq!(told.len(), events);
    attempts_on_record.len() - events
}

/// Each of these events has one run, and no other has any.
pub(crate) fn assert_these_ran(stage: &Stage, ids: &HashSet<String>) {
    let runs = stage.runs();
    let id = |run: &Value| run["event_id"].as_str().expect("text").to_owned();
    let ran: HashSet<String> = runs.iter().map(id).collect();
    let lost: Vec<&String> = ids.difference(&ran).collect();
    let strange: Vec<&String> = ran.difference(ids).collect();
    assert!(
        lost.is_empty() && strange.is_empty(),
        "lost {lost:?}, strange {strange:?}"
    );
    assert_eq!(runs.len(), ids.len());
}

/// On each of so many nodes, events came in order, and nothing was started beside anything else.
pub(crate) fn assert_order(stage: &Stage, count: usize) {
    let mut nodes: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in stage.log() {
        let line = Line::read(&line);
        nodes.entry(line.node.clone()).or_default().push(line);
    }
    assert_eq!(nodes.len(), count);
    for lines in nodes.values_mut() {
        lines.sort_by_key(|line| line.at);
        for pair in lines.windows(2) {
            let [before, after] = pair else { continue };
            let place = |line: &Line| (line.event, line.attempt);
            assert!(place(before) <= place(after), "{before:?}, {after:?}");
            // Between a start and its end there is nothing.
            let same = (before.run, before.attempt) == (after.run, after.attempt);
            assert_eq!(after.word == "end", same, "{before:?}, {after:?}");
            assert_ne!(after.word, "overlap", "{before:?}, {after:?}");
        }
        assert_eq!(lines[0].word, "start");
    }
}
