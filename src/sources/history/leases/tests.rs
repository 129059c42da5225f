use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;

/// A cloud that gives the same answer to every question about a lease, and counts them.
struct Cloud {
    answer: Answer,
    asked: Arc<AtomicUsize>,
}

impl Client for Cloud {
    async fn events(&self, _: i64) -> Result<Vec<Row>, ClientError> {
        Ok(Vec::new())
    }

    async fn lease(&self, _: &str) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.answer.clone()
    }
}

/// What shows the leases of such a cloud, and how many questions it was asked.
fn leases(answer: Answer, pause: Duration) -> (Leases<Cloud>, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let cloud = Cloud {
        answer,
        asked: Arc::clone(&asked),
    };
    let retry = RetryPolicy {
        retries: 0,
        first_delay: pause,
    };
    (Leases::new(Arc::new(cloud), retry), asked)
}

fn event(number: i64) -> Event {
    let row = json!({
        "ID": number, "Event Type": "t", "Event Time": "now", "Object Type": "lease",
        "Object UUID": format!("lease {number}"), "Resource UUID": "n",
    });
    let row = serde_json::from_value(row).unwrap();
    Record { row, lease: None }.into_event()
}

/// How many of this many events of different leases are completed, refused, and without anybody to ask.
async fn complete(leases: &Leases<Cloud>, events: i64) -> (usize, usize, usize) {
    let answers = join_all((0..events).map(|number| leases.complete(event(number), false))).await;
    let count = |kind: fn(&Result<Event, Incomplete>) -> bool| {
        answers.iter().filter(|answer| kind(answer)).count()
    };
    (
        count(Result::is_ok),
        count(|answer| matches!(answer, Err(Incomplete::Refused(_)))),
        count(|answer| matches!(answer, Err(Incomplete::Unreachable(_)))),
    )
}

const LONG: Duration = Duration::from_secs(3600);

fn down() -> Answer {
    Err(ClientError::Failed("down".to_owned()))
}

#[tokio::test]
async fn the_first_failure_of_the_cloud_ends_the_questions_of_a_pass() {
    let (leases, asked) = leases(down(), LONG);
    leases.cloud_reached();
    assert_eq!(complete(&leases, 100).await, (0, 0, 100));
    let first = asked.load(Ordering::Relaxed);
    assert!((1..=AT_ONCE).contains(&first), "{first}");
    assert_eq!(leases.failure().as_deref(), Some("down"));
    // Until the next pass nothing is asked.
    leases.pass_over();
    assert_eq!(complete(&leases, 9).await, (0, 0, 9));
    assert_eq!(asked.load(Ordering::Relaxed), first);
    leases.forget();
    leases.cloud_reached();
    assert_eq!(leases.failure(), None);
    complete(&leases, 9).await;
    assert!(asked.load(Ordering::Relaxed) > first);
}

#[tokio::test]
async fn a_failure_between_passes_is_no_refusal_and_ends_the_questions_for_a_while() {
    for (pause, most) in [(LONG, AT_ONCE), (Duration::ZERO, 100)] {
        let (leases, asked) = leases(down(), pause);
        leases.cloud_reached();
        leases.pass_over();
        assert_eq!(complete(&leases, 100).await, (0, 0, 100));
        assert!(asked.load(Ordering::Relaxed) <= most);
        leases.asked().clear();
        let before = asked.load(Ordering::Relaxed);
        complete(&leases, 1).await;
        let is_asked = asked.load(Ordering::Relaxed) > before;
        assert_eq!(is_asked, pause.is_zero());
    }
}

#[tokio::test]
async fn a_refusal_ends_no_question() {
    let refused = Err(ClientError::NotShown("denied".to_owned()));
    let (leases, asked) = leases(refused, LONG);
    leases.cloud_reached();
    assert_eq!(complete(&leases, 100).await, (0, 100, 0));
    assert_eq!(asked.load(Ordering::Relaxed), 100);
    assert_eq!(leases.failure(), None);
}

#[tokio::test]
async fn nothing_waits_for_a_pass_that_does_not_come() {
    let (leases, asked) = leases(down(), LONG);
    leases.close();
    assert_eq!(complete(&leases, 3).await, (0, 0, 3));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

/// What a lease is like now, for an event of the bus.
async fn now(leases: &Leases<Cloud>, since: std::time::Instant) -> Result<Event, NotNow> {
    let payload = json!({"esi_leap_object.data": {"uuid": "l", "purpose": "of then"}});
    let event = Event::new("7".into(), "t".into(), "then".into(), None, payload);
    leases.now(&event, "l", since).await
}

#[tokio::test]
async fn what_a_lease_is_like_now_is_told_by_no_older_answer() {
    let shown = json!({"uuid": "l", "status": "active", "resource": "n", "resource_uuid": "u",
        "end_time": "2026-11-21T08:50:10.717117"});
    let (with_passes, asked) = leases(Ok(shown.as_object().unwrap().clone()), LONG);
    let leases = Leases {
        cloud: watch::Sender::new(CloudStatus::ReachedLast),
        has_passes: false,
        ..with_passes
    };
    let before = std::time::Instant::now();
    // Several at the same moment share an answer.
    let (one, other) = tokio::join!(now(&leases, before), now(&leases, before));
    assert_eq!(one, other);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let event = one.unwrap();
    assert_eq!(
        event.payload,
        json!({"esi_leap_object.data": {"uuid": "l", "status": "active", "resource": "n",
            "resource_uuid": "u", "end_time": "2026-11-21T08:50:10Z", "node_name": "n", "node_uuid": "u"}})
    );
    assert_eq!((event.id.as_str(), event.time.as_str()), ("7", "then"));
    let later = std::time::Instant::now();
    now(&leases, later).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    now(&leases, before).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn only_what_is_not_there_is_absent_and_nothing_is_asked_of_a_cloud_that_has_just_failed() {
    let unknown = "'NoneType' object has no attribute 'owner_id'";
    let cases = [
        (ClientError::NotShown(unknown.to_owned()), true, 3),
        (ClientError::NotShown("denied".to_owned()), false, 3),
        (ClientError::Failed("down".to_owned()), false, 1),
    ];
    for (error, is_absent, questions) in cases {
        let (leases, asked) = leases(Err(error.clone()), LONG);
        leases.cloud_reached();
        leases.pass_over();
        for _ in 0..3 {
            let why = now(&leases, std::time::Instant::now()).await.unwrap_err();
            let expected = if is_absent {
                NotNow::Absent(error.to_string())
            } else {
                NotNow::Unknown(error.to_string())
            };
            assert_eq!(why, expected);
        }
        assert_eq!(asked.load(Ordering::Relaxed), questions, "{error}");
    }
}
