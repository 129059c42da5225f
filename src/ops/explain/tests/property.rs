//! For any rules and any events, what is explained is what intake decides, and what is in the journal then.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::core::event::PayloadPath;
use crate::core::run::State;
use crate::engine::intake::Decision as Decided;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{PlannedRun, RunFilter, RunId, RunSummary};
use crate::sources::Arrival;
use crate::state::Access;

/// What filters look at. A row lacks `b`.
const PATHS: [&str; 6] = ["a", "b", "l", "when", "$.l[*].n", "store:s"];

/// Conditions of every kind, for any of these.
const CONDITIONS: [&str; 20] = [
    "1",
    r#""x""#,
    "null",
    r#"[1, "x"]"#,
    r#"{"gt": 0}"#,
    r#"{"gte": 1, "neq": 2}"#,
    r#"{"between": [1, {"store": "s"}]}"#,
    r#"{"in": ["x", 1]}"#,
    r#"{"exists": true}"#,
    r#"{"exists": false}"#,
    r#"{"icontains": "X"}"#,
    r#"{"any": {"n": {"gt": 0}}}"#,
    r#"{"none": {"n": 1}}"#,
    r#"{"all": {"gte": 0}}"#,
    r#"{"count": {"gte": 1}}"#,
    r#"{"older_than": "1h"}"#,
    r#"{"within": "2h"}"#,
    r#"{"eq": {"store": "s"}}"#,
    r#"{"nregex": "^x"}"#,
    r#"{"regex": "(?:(a*)*)*\\1b(?=c)"}"#,
];

/// For the last one, this takes too many steps.
const PUZZLE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";

/// What a rule says: one of each row.
const OPTIONS: [&[&str]; 8] = [
    &[
        "events = t",
        "events = u",
        "events = *",
        "events = *",
        "events = t*, v",
        "events = v",
    ],
    &["", "", "", "", "", "", "enabled = no"],
    &[
        "",
        "once_within = 10m",
        "once_after = 10m",
        "threshold = 2 within 10m",
        "once_within = 10m\nthrottle_by = a",
        "once_after = 10m\nthrottle_by = a, l",
        "threshold = 2 within 10m\nthrottle_by = b",
    ],
    &[
        "",
        "",
        "start_at = time",
        "start_at = time + 5m",
        "start_at = when - 1h",
        "start_at = b",
    ],
    &["", "max_age = 1m"],
    &[
        "",
        "cancelled_by = u",
        "cancelled_by = v*, t\ncancel_running = yes",
    ],
    &["", "order_by = a", "order_by = b"],
    &[
        "",
        "limit = 1",
        "limit = 2\nlimit_by = a",
        "script_params = b",
    ],
];

fn filters() -> impl Strategy<Value = String> {
    let entries = btree_map(select(&PATHS[..]), select(&CONDITIONS[..]), 1..3);
    entries.prop_map(|entries| {
        let entries = entries.iter();
        let entries = entries.map(|(path, condition)| format!("{path:?}: {condition}"));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
    })
}

/// A configuration. The action of some rules is followed by another one.
fn configuration() -> impl Strategy<Value = String> {
    let options = OPTIONS.map(select::<&str>).to_vec();
    let params = option::weighted(
        0.3,
        filters().prop_map(|it| format!("filter_params = {it}")),
    );
    let alternatives =
        vec(filters(), 1..3).prop_map(|it| format!("filter_any = [{}]", it.join(", ")));
    let rule = (
        options,
        params,
        option::weighted(0.2, alternatives),
        any::<bool>(),
    );
    vec(rule, 2..8).prop_map(|rules| {
        let mut text = "[DEFAULT]\nscript = s\n".to_owned();
        for (place, (options, params, any, has_step)) in rules.into_iter().enumerate() {
            writeln!(text, "[r{place}]").unwrap();
            let options = options.into_iter().map(str::to_owned);
            for option in options.chain(params).chain(any) {
                text.push_str(&option);
                text.push('\n');
            }
            if has_step {
                writeln!(text, "on_success = r{place}/next\n[r{place}/next]").unwrap();
            }
        }
        text
    })
}

/// Something that happens so many seconds after the one before.
#[derive(Clone, Debug)]
struct Occurrence {
    event_type: &'static str,
    payload: Value,
    seconds: u64,
}

fn occurrence() -> impl Strategy<Value = Occurrence> {
    let one_of = |texts: &[&str]| {
        let values = texts.iter().map(|text| serde_json::from_str(text).unwrap());
        option::of(select(values.collect::<Vec<Value>>()))
    };
    let puzzle = format!("{PUZZLE:?}");
    let scalars = [
        "null",
        "0",
        "1",
        "2",
        r#""1""#,
        r#""x""#,
        &puzzle,
        r#"{"n": 1}"#,
    ];
    let lists = ["[]", r#"[{"n": 1}]"#, r#"[{"n": 0}, {"n": 2}]"#, "[1, 2]"];
    let times = [
        r#""2026-11-21T08:30:00Z""#,
        r#""2026-11-21 09:10:00""#,
        r#""2026-11-22T09:00:00""#,
        r#""soon""#,
    ];
    let fields = (
        one_of(&scalars),
        one_of(&scalars),
        one_of(&lists),
        one_of(&times),
    );
    let about = (
        select(&["t", "tt", "u", "v"][..]),
        select(&["n1", "n2"][..]),
    );
    let is_row = option::weighted(0.1, Just(Value::Bool(true)));
    (about, fields, is_row, 0..400_u64).prop_map(
        |((event_type, node), (a, b, l, when), row, seconds)| {
            let b = b.filter(|_| row.is_none());
            let fields = [("a", a), ("b", b), ("l", l), ("when", when), ("row", row)];
            let mut payload = json!({ "node_uuid": node });
            for (name, value) in fields {
                if let Some(value) = value {
                    payload[name] = value;
                }
            }
            Occurrence {
                event_type,
                payload,
                seconds,
            }
        },
    )
}

/// What a row lacks.
fn lacks(event: &Event) -> Option<Lacks> {
    let lacks_b: Lacks = |path: &PayloadPath| path.as_str() == "b";
    event.payload.get("row").map(|_| lacks_b)
}

/// A run that was just made: its key, its state, when it is due, and why it is none.
type Told = (String, State, Option<Timestamp>, Option<String>);

/// The run of which an answer speaks.
fn told(answer: &Answer<'_>, now: Timestamp) -> Option<Told> {
    let key = match &answer.judgement {
        Judgement::Awaits { key, .. } => return Some((key.text.clone(), State::Due, None, None)),
        Judgement::Decided(Verdict::Run { key }) => key.text.clone(),
        Judgement::Decided(_) => return None,
    };
    let start_at = answer.timing.as_ref().expect("a time").start_at.clone();
    let throttle = answer.throttle.as_ref();
    let decided = throttle.map(|throttle| throttle.decided.as_ref().expect("asked"));
    let start_at = match decided {
        None | Some((Decision::Start, _)) => start_at,
        Some((Decision::StartAt(due), _)) => Ok(Some(*due)),
        Some((Decision::HoldBack(why), _)) => Err(why.clone()),
    };
    Some(match start_at {
        Err(why) => (key, State::Cancelled, None, Some(why)),
        Ok(Some(due)) if due > now => (key, State::Scheduled, Some(due), None),
        Ok(_) => (key, State::Due, None, None),
    })
}

type Runs = BTreeMap<RunId, RunSummary>;

async fn runs(journal: &SqliteJournal) -> Runs {
    let all = RunFilter {
        limit: usize::MAX,
        ..RunFilter::default()
    };
    let runs = journal.runs(all).await.unwrap();
    runs.into_iter().map(|run| (run.id, run)).collect()
}

/// What the answers say of the runs of an event, and of earlier ones, is in the journal.
fn compare(answers: &[Answer<'_>], event: &Event, now: Timestamp, before: &Runs, after: &Runs) {
    let made = after.values().filter(|run| run.event_id == event.id);
    let mut made: BTreeMap<&str, Told> = made
        .map(|run| {
            let told = (run.key.clone(), run.state, run.due_at, run.reason.clone());
            (run.rule.as_str(), told)
        })
        .collect();
    for answer in answers {
        let rule = answer.rule;
        let found = made.remove(rule.name.as_str());
        assert_eq!(found, told(answer, now), "[{}], {event:?}", rule.name);
        let key = rule.key(event, |path| !lacks(event).is_some_and(|lacks| lacks(path)));
        for earlier in before.values().filter(|run| run.rule == rule.name) {
            let ends = answer.cancels && earlier.key == key.text && !earlier.state.is_final();
            let expected = if ends {
                (State::Cancelled, None)
            } else {
                (earlier.state, earlier.due_at)
            };
            let run = &after[&earlier.id];
            assert_eq!((run.state, run.due_at), expected, "{earlier:?}, {event:?}");
        }
    }
    assert!(made.is_empty(), "nobody has spoken of {made:?}");
}

/// What only a claim will look at is as it was told, too.
fn compare_planned(answers: &[Answer<'_>], planned: &[PlannedRun]) {
    for run in planned {
        let mut answers = answers.iter();
        let answer = answers.find(|answer| answer.rule.name == run.rule);
        let answer = answer.expect("an answer");
        let awaits = matches!(answer.judgement, Judgement::Awaits { .. });
        let start_by = answer.timing.as_ref().and_then(|timing| timing.start_by);
        let told = (awaits, start_by, &answer.share);
        assert_eq!((run.awaits_lease, run.start_by, &run.share), told);
    }
}

async fn explain_and_decide(
    text: &str,
    occurrences: &[Occurrence],
    stored: &BTreeMap<String, Value>,
) {
    let reading = parts::read(text, Path::new("f"));
    let report = reading.problems.report("f").to_string();
    let config = reading.config.unwrap_or_else(|| panic!("{report}\n{text}"));
    let forms = Forms { lacks, ..FORMS };
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let mut now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    for (number, occurrence) in occurrences.iter().enumerate() {
        now += Duration::from_secs(occurrence.seconds);
        let payload = occurrence.payload.to_string();
        let mut event = made_up(occurrence.event_type, &payload, now).unwrap();
        event.id = format!("e{number}");
        let given = Given { now, stored };
        let (rules, playbook) = (&config.rules, &config.actions);
        let mut answers = explain(rules, playbook, &forms, &event, &given, &Arc::default());
        let asked = ask_throttles(&journal, &mut answers, &event, now).await;
        asked.unwrap();
        let before = runs(&journal).await;

        let arrival = Arrival {
            lacks: lacks(&event),
            ..Arrival::whole(event.clone())
        };
        let decided = Decided::of(rules, arrival, &given);
        let is_undecidable = decided
            .as_ref()
            .is_some_and(|it| it.undecidable().is_some());
        let mut verdicts = answers.iter().map(|answer| &answer.judgement);
        let told = verdicts.any(|it| matches!(it, Judgement::Decided(Verdict::FilterError(_))));
        assert_eq!(is_undecidable, told, "{event:?}");
        let entries = decided.map(|decided| decided.into_entries("s"));
        let entries = entries.unwrap_or_default();
        if let Some(Entry::Event(acceptance)) = entries.first() {
            compare_planned(&answers, &acceptance.runs);
            journal.accept(entries.into(), now).await.unwrap();
        }
        compare(&answers, &event, now, &before, &runs(&journal).await);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_explained_is_what_is_decided_and_in_the_journal_then(
        text in configuration(),
        occurrences in vec(occurrence(), 4..14),
        stored in option::of(select(vec![json!(1), json!("x"), json!([1])])),
    ) {
        let stored = stored.map(|value| ("s".to_owned(), value));
        let stored: BTreeMap<String, Value> = stored.into_iter().collect();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().unwrap();
        runtime.block_on(explain_and_decide(&text, &occurrences, &stored));
    }
}

/// The run that stands for the window is cancelled by the event that comes next, which so begins another one.
#[tokio::test]
async fn what_an_event_cancels_stands_for_it_no_longer() {
    let text = "[r]\nscript = s\nevents = t\nonce_after = 10m\ncancelled_by = t\n";
    let occurrence = Occurrence {
        event_type: "t",
        payload: json!({"node_uuid": "n"}),
        seconds: 60,
    };
    let twice = [occurrence.clone(), occurrence];
    explain_and_decide(text, &twice, &BTreeMap::new()).await;
}
