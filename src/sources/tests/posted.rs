//! What becomes of requests that wait (`posted.rs`).

use super::*;
use crate::core::address::Address;
use crate::http::listener::RoutePath;
use crate::http::posts::Access;

struct Nothing;

impl Meaning for Nothing {
    fn events(&self, _: &Post, _: Timestamp) -> Result<Vec<Event>, Refusal> {
        Ok(Vec::new())
    }
}

fn source() -> PostedSource {
    let options = PostOptions {
        place: Place {
            address: Address::Network(([127, 0, 0, 1], 1).into()),
            tls: None,
            path: RoutePath::parse("/").unwrap(),
        },
        access: Access::default(),
        largest: 10,
    };
    let opening = Opening::of_tests("webhook:s");
    PostedSource::new(&options, Nothing, opening)
}

/// A request with so many events and bytes that waits; and its answer.
fn posted(events: usize, size: usize) -> (Posted, oneshot::Receiver<Fate>) {
    let event = |number: usize| {
        let id = number.to_string();
        Event::new(id, "s".into(), "now".into(), None, Value::Null)
    };
    let (answer, answered) = oneshot::channel();
    let receipt = Receipt {
        answer,
        _room: None,
    };
    let events = (0..events).map(event).collect();
    let posted = Posted {
        events,
        size,
        receipt,
    };
    (posted, answered)
}

#[tokio::test]
async fn a_commit_is_shared_by_what_waits_up_to_a_number_and_a_size() {
    let mut source = source();
    let sizes = [
        (1, 10),
        (LARGEST_BATCH, 10),
        (1, LARGEST_COMMIT),
        (1, 10),
        (0, 10),
    ];
    let mut answers = Vec::new();
    for (events, size) in sizes {
        let (posted, answered) = posted(events, size);
        source
            .door
            .posted
            .try_send(posted)
            .unwrap_or_else(|_| panic!("room"));
        answers.push(answered);
    }
    let mut batches = Vec::new();
    while let Ok(first) = source.posted.try_recv() {
        batches.push(source.batch(first).decoded.len());
        source.settle().await;
    }
    assert_eq!(batches, [LARGEST_BATCH + 1, 1, 1]);
    for answer in answers {
        assert_eq!(answer.await, Ok(Fate::OnDisk));
    }
}

#[tokio::test]
async fn what_cannot_be_put_on_disk_is_turned_away_whether_it_was_handed_over_or_not() {
    let mut source = source();
    let (handed_over, first) = posted(1, 1);
    let (waiting, second) = posted(1, 1);
    source.batch(handed_over);
    source
        .door
        .posted
        .try_send(waiting)
        .unwrap_or_else(|_| panic!("room"));
    source.give_back().await;
    assert_eq!(
        (first.await, second.await),
        (Ok(Fate::NotTaken), Ok(Fate::NotTaken))
    );
    assert_eq!(source.door.not_held_up(), Err(held_up()));
    source.settle().await;
    let (posted, answered) = posted(1, 1);
    source.batch(posted);
    source.close().await;
    assert_eq!(answered.await, Ok(Fate::NotTaken));
}
