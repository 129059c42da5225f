//! Histories that are not what they were: another database behind the same cloud, other rights.

use serde_json::Value;

use super::{at, recorded, rows};
use crate::support::poller::Poller;
use crate::support::scene::FULFILL;

/// Rows of a database that was made later.
fn anew(ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    ids.into_iter()
        .map(|id| at(id, "2026-12-01T10:00"))
        .collect()
}

/// The first passes read up to id 40, remembering so many ids; then the history is this one.
fn becomes(overlap: i64, listed: &[Value]) -> Poller {
    let mut poller = Poller::recording(FULFILL);
    poller.default(&format!("history_overlap = {overlap}"));
    poller.openstack.rows(&rows(38..=40));
    poller.pass(&["--from-start"]);
    poller.openstack.rows(listed);
    poller
}

#[test]
fn another_database_is_noticed_and_runs_only_when_that_is_asked_for() {
    let cases: [(&str, i64, Vec<Value>, i64); 5] = [
        ("all ids are lower", 200, anew(1..=3), 3),
        ("all ids are lower, out of the overlap", 1, anew(1..=3), 3),
        (
            "the ids are beyond the cursor already",
            200,
            anew(36..=43),
            43,
        ),
        ("the last id alone is remembered", 0, anew(36..=43), 43),
        ("there is no row", 200, anew([]), 0),
    ];
    for (what, overlap, listed, newest) in cases {
        let poller = becomes(overlap, &listed);
        let before = recorded(&[38, 39, 40]);
        for failures in 1..=2 {
            let printed = poller.ends(&[], 1);
            assert!(
                printed.contains(&format!(
                    "ends at id {newest}, or has other events than before"
                )),
                "{what}: {printed}"
            );
            assert!(
                printed.contains("ESI Leap's database is a new one"),
                "{what}: {printed}"
            );
            assert!(printed.contains("`poll --from-start`"), "{what}: {printed}");
            assert_eq!(poller.log(), before, "{what}");
            let status = &poller.status()[0];
            assert_eq!(status["last_event_id"], 40, "{what}");
            assert_eq!(status["failures"], failures, "{what}");
            let why = status["failure"].as_str().expect("a failure");
            assert!(
                why.contains("ESI Leap's database is a new one"),
                "{what}: {why}"
            );
        }
        // The same ids belong to other events now.
        poller.pass(&["--from-start"]);
        let ids: Vec<i64> = listed.iter().filter_map(|row| row["ID"].as_i64()).collect();
        let after = [&[38, 39, 40], &ids[..]].concat();
        assert_eq!(poller.log(), recorded(&after), "{what}");
        poller.pass(&[]);
        assert_eq!(poller.log(), recorded(&after), "{what}");
        assert_eq!(poller.cursor(), Some(newest), "{what}");
        // A later pass knows which history it is in.
        let more = newest + 1;
        poller.openstack.rows(&[listed, anew([more])].concat());
        poller.pass(&[]);
        assert_eq!(
            poller.log(),
            recorded(&[&after[..], &[more]].concat()),
            "{what}"
        );
    }
}

#[test]
fn a_third_database_is_distinguished_from_the_second() {
    let poller = becomes(200, &anew(1..=3));
    poller.pass(&["--from-start"]);
    let third: Vec<Value> = (1..=4).map(|id| at(id, "2027-01-01T09:30")).collect();
    poller.openstack.rows(&third);
    poller.ends(&[], 1);
    poller.pass(&["--from-id", "1"]);
    assert_eq!(poller.log(), recorded(&[38, 39, 40, 1, 2, 3, 2, 3, 4]));
}

#[test]
fn a_tenant_whose_rights_change_goes_on() {
    for overlap in [0, 1, 200] {
        let poller = becomes(overlap, &rows([44, 42, 3]));
        let printed = poller.pass(&[]);
        assert!(
            printed.contains("the history of openstack lacks the events that were read before"),
            "{printed}"
        );
        // What is from before is not new, though it was not seen before.
        assert_eq!(poller.log(), recorded(&[38, 39, 40, 42, 44]));
        // What was seen since is there: nothing to warn of.
        assert_eq!(poller.pass(&[]), "");
    }
}
