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
