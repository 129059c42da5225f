//! Runs about which ESI Leap is asked first: what each answer comes to, and what waits for a place.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::core::event::Event;
use crate::core::rules::{Reader, Recheck as Asked};
use crate::engine::recheck::FRESH;
use crate::engine::tests::with_run;
use crate::journal::{Accept, Entry};
use crate::sources::{Incomplete, NotNow, Pending};

/// A cloud that answers this, in turn, and then that the lease is active.
#[derive(Debug, Default)]
struct Cloud {
    answers: Mutex<VecDeque<Result<&'static str, NotNow>>>,
    asked: Mutex<Vec<String>>,
}

impl Cloud {
    fn answering(answers: impl IntoIterator<Item = Result<&'static str, NotNow>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        })
    }
}

impl Enrich for Cloud {
    fn complete(&self, _: Event, _: bool) -> Pending<'_, Result<Event, Incomplete>> {
        unreachable!("nothing here lacks anything")
    }

    fn now<'a>(
        &'a self,
        event: &'a Event,
        lease: &'a str,
        _: Instant,
    ) -> Pending<'a, Result<Event, NotNow>> {
        self.asked.lock().unwrap().push(lease.to_owned());
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or(Ok("active")).map(|status| {
            let payload = json!({"esi_leap_object.data": {"status": status}});
            let Event {
                id,
                event_type,
                time,
                ..
            } = event.clone();
            Event::new(id, event_type, time, None, payload)
        });
        Box::pin(std::future::ready(answer))
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            retries: 0,
            first_delay: Duration::ZERO,
        }
    }

    fn what(&self) -> &'static str {
        "lease"
    }
}

/// The rule `r` with a `recheck`.
fn rechecked() -> RuleSet {
    let rule = rules("r").all()[0].clone();
    let mut rule = Rule::clone(&rule);
    rule.when.recheck = Some(Asked {
        filters: vec![
            Reader::default()
                .filter_of("status", &json!("active"))
                .unwrap(),
        ],
        written: json!({"status": "active"}),
    });
    RuleSet::new(vec![rule])
}

/// A journal with a run for each of these leases; none is an event that is about no lease.
async fn journal_of(leases: &[Option<&str>]) -> (tempfile::TempDir, SqliteJournal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), crate::state::Access::Service).unwrap();
    let event = |(number, lease): (usize, Option<&str>)| {
        let payload = json!({"esi_leap_object.data": {"uuid": lease}});
        let event_type = "esi_leap.lease.fulfill.end".to_owned();
        let event = Event::new(number.to_string(), event_type, "now".into(), None, payload);
        with_run(event, "r")
    };
    let entries: Vec<Entry> = leases.iter().copied().enumerate().map(event).collect();
    let accepted = journal.accept(entries.into(), Timestamp::now());
    accepted.await.unwrap();
    (folder, journal)
}

/// Performs all there is, one at a time.
async fn perform(journal: &SqliteJournal, cloud: &Arc<Cloud>, record: &Arc<Record>) -> Tally {
    let (rules, _editor) = Rulebook::new(rechecked(), playbook(record));
    let drained = CancellationToken::new();
    drained.cancel();
    let (stop, owner) = (Stop::default(), join(journal).await);
    let dispatch = Dispatch {
        enrich: cloud.clone(),
        until: Until::EveryRunIsFinal,
        ..dispatch(journal, rules)
    };
    let done = dispatch.run(owner, &stop, &drained);
    let done = tokio::time::timeout(Duration::from_secs(60), done).await;
    done.expect("every run comes to its end").unwrap()
}

#[tokio::test]
async fn each_answer_of_esi_leap_has_its_consequence() {
    let absent = || Err(NotNow::Absent("unknown".to_owned()));
    let down = || Err(NotNow::Unknown("it is down".to_owned()));
    let cases = [
        (vec![Ok("active")], State::Succeeded, 1, "200 OK"),
        (
            vec![Ok("deleted")],
            State::Cancelled,
            1,
            "not started: the lease does not match recheck: status should be",
        ),
        (
            vec![absent()],
            State::Cancelled,
            1,
            "not started: ESI Leap has no lease l (`recheck`): unknown",
        ),
        (
            vec![down(), down(), Ok("active")],
            State::Succeeded,
            3,
            "200 OK",
        ),
        (
            vec![down(), absent()],
            State::Cancelled,
            2,
            "not started: ESI Leap has no lease",
        ),
    ];
    for (answers, state, attempts, reason) in cases {
        let (_folder, journal) = journal_of(&[Some("l")]).await;
        let cloud = Cloud::answering(answers.clone());
        let record = ending([told(Outcome::Succeeded, "200 OK")]);
        perform(&journal, &cloud, &record).await;
        let run = journal.run(1).await.unwrap();
        let found = (run.summary.state, run.summary.attempts);
        assert_eq!(found, (state, attempts), "{answers:?}");
        let why = run.summary.reason.unwrap_or_default();
        assert!(why.starts_with(reason), "{answers:?}: {why}");
        assert_eq!(cloud.asked.lock().unwrap().len(), answers.len());
        let played = record.played.lock().unwrap().len();
        assert_eq!(played, usize::from(state == State::Succeeded));
        if attempts > 1 {
            let first = run.attempts[0].outcome.as_ref().unwrap().to_string();
            let expected =
                "not started: ESI Leap cannot be asked for the lease (`recheck`): it is down";
            assert_eq!(first, expected);
        }
    }
}

#[tokio::test]
async fn an_event_about_no_lease_is_asked_of_nobody() {
    let (_folder, journal) = journal_of(&[None]).await;
    let cloud = Cloud::answering([]);
    perform(&journal, &cloud, &ending([])).await;
    let summary = journal.run(1).await.unwrap().summary;
    assert_eq!(summary.state, State::Cancelled);
    let why = "not started: the event is about no lease, so ESI Leap cannot be asked (`recheck`)";
    assert_eq!(summary.reason.as_deref(), Some(why));
    assert!(cloud.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_retry_is_asked_about_again_and_an_outage_uses_up_none() {
    let (_folder, journal) = journal_of(&[Some("l")]).await;
    let down = || Err(NotNow::Unknown("down".to_owned()));
    let before_retry = (0..20).map(|_| down()).chain([Ok("deleted")]);
    let cloud = Cloud::answering(std::iter::once(Ok("active")).chain(before_retry));
    let record = ending([told(Outcome::Failed, "500")]);
    perform(&journal, &cloud, &record).await;
    let run = journal.run(1).await.unwrap();
    assert_eq!(run.summary.state, State::Cancelled);
    assert_eq!(run.attempts.len(), 22);
    assert_eq!(record.played.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_there_are_places_for_all_begin() {
    let leases: Vec<String> = (0..40).map(|number| format!("l{number}")).collect();
    let leases: Vec<_> = leases.iter().map(|lease| Some(lease.as_str())).collect();
    let (_folder, journal) = journal_of(&leases).await;
    let cloud = Cloud::answering([]);
    let ends = (0..40).map(|_| told(Outcome::Succeeded, "200 OK"));
    let record = ending(ends);
    let tally = perform(&journal, &cloud, &record).await;
    assert_eq!(tally.succeeded, 40);
    let mut played = record.played.lock().unwrap().clone();
    played.sort_unstable_by_key(|id| id.parse::<u32>().unwrap());
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(played, expected);
}

/// One that waits for a place is asked about again once its answer is old, and ended when the service stops.
#[tokio::test]
async fn no_answer_serves_for_long() {
    let (_folder, journal) = journal_of(&[Some("l")]).await;
    let cloud = Cloud::answering([]);
    let (rules, _editor) = Rulebook::new(rechecked(), playbook(&ending([])));
    let dispatch = Arc::new(Dispatch {
        enrich: cloud.clone(),
        max_parallel: 0,
        ..dispatch(&journal, rules.clone())
    });
    let owner = join(&journal).await;
    let claim = Claim {
        owner,
        rules: rules.current().names(),
        ended: Vec::new(),
        limit: 1,
        rechecked: rules.current().rechecked(),
        rechecks: 1,
        begun: Vec::new(),
        awaiting: 0,
        orphans: 0,
        held: Vec::new(),
        limits: Arc::default(),
    };
    let mut claimed = journal.claim(claim, Timestamp::now()).await.unwrap().runs;
    let run = claimed.pop().expect("a run");
    let enrichment = Enrichment::new(cloud.clone(), rules.clone());
    let recheck = Recheck::new(cloud.clone(), rules);
    let mut under_way = UnderWay::new(enrichment, recheck);
    let stop = Stop::default();
    let old = Instant::now().checked_sub(FRESH).expect("the clock runs");
    let holding = under_way.held.hold(&run, &stop.work);
    under_way.prospects.add_since(run, holding, old);
    assert_eq!(under_way.prospects.fresh_for(), Some(Duration::ZERO));

    let mut tally = Tally::default();
    let moving = dispatch.move_on(owner, &mut under_way, &mut tally, &stop);
    moving.await.unwrap();
    assert_eq!(under_way.prospects.len(), 0);
    under_way.next_end(&dispatch).await.unwrap();
    assert_eq!(*cloud.asked.lock().unwrap(), ["l"]);
    assert_eq!(under_way.prospects.len(), 1);
    assert!(under_way.prospects.fresh_for() > Some(FRESH / 2));

    stop.intake.cancel();
    let moving = dispatch.move_on(owner, &mut under_way, &mut tally, &stop);
    moving.await.unwrap();
    assert!(under_way.is_over());
    let summary = journal.run(1).await.unwrap().summary;
    assert_eq!(summary.state, State::Due);
}
