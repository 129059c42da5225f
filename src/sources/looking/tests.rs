//! Looking at a made-up number, which fails to be there when it is negative.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use super::*;
use crate::core::event::Event;
use crate::sources::Arrival;

struct Number(Arc<AtomicI64>);

impl Look for Number {
    type Memory = Option<i64>;

    fn look<'a>(
        &'a mut self,
        memory: &'a Option<i64>,
        _: &'a Opening,
    ) -> Pending<'a, Looked<Option<i64>>> {
        let number = self.0.load(Ordering::Relaxed);
        let is_there = number >= 0;
        let found = if is_there { Some(number) } else { *memory };
        let event = |number: i64| {
            let (id, time) = (number.to_string(), "now".to_owned());
            let event = Event::new(id, "n".to_owned(), time, None, json!({}));
            Decoded::Event(Arrival::whole(event))
        };
        let is_new = found != *memory;
        Box::pin(std::future::ready(Looked {
            decoded: found.filter(|_| is_new).map(event).into_iter().collect(),
            memory: found,
            failure: (!is_there).then(|| "gone".to_owned()),
            words: "looked".to_owned(),
        }))
    }
}

fn looking(number: &Arc<AtomicI64>, stored: Option<&str>, until_drained: bool) -> Looking<Number> {
    let opening = Opening {
        stored: stored.map(|text| Cursor(text.to_owned())),
        until_drained,
        ..Opening::of_tests("number:n")
    };
    Looking::new(Number(Arc::clone(number)), Duration::from_secs(1), opening)
}

/// The ids of the next events and what is noted with them; nothing once it is drained, or within ten seconds.
async fn next(source: &mut Looking<Number>) -> Option<(Vec<String>, ProgressStep)> {
    let received = tokio::time::timeout(Duration::from_secs(10), source.receive()).await;
    let Received::Batch(batch) = received.ok()?.unwrap() else {
        return None;
    };
    let ids = batch.decoded.iter().map(|decoded| match decoded {
        Decoded::Event(arrival) => arrival.event.id.clone(),
        Decoded::Undecodable(_) => panic!("{decoded:?}"),
    });
    Some((ids.collect(), batch.progress.unwrap().step))
}

fn passed(text: &str) -> ProgressStep {
    ProgressStep::Passed(Cursor(text.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn what_was_not_settled_is_told_again_and_what_was_is_not() {
    let number = Arc::new(AtomicI64::new(7));
    let mut source = looking(&number, None, false);
    let first = (vec!["7".to_owned()], passed("7"));
    assert_eq!(next(&mut source).await, Some(first.clone()));
    assert_eq!(next(&mut source).await, Some(first));
    source.settle().await;
    assert_eq!(next(&mut source).await, None);
    number.store(8, Ordering::Relaxed);
    let second = (vec!["8".to_owned()], passed("8"));
    assert_eq!(next(&mut source).await, Some(second.clone()));
    // A service that comes next begins with what is on disk.
    let mut again = looking(&number, Some("7"), false);
    assert_eq!(next(&mut again).await, Some(second));
    assert_eq!(next(&mut looking(&number, Some("8"), false)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_noted_once_and_so_is_its_end() {
    let number = Arc::new(AtomicI64::new(-1));
    let mut source = looking(&number, Some("7"), false);
    let failed = (vec![], ProgressStep::Failed("gone".to_owned()));
    assert_eq!(next(&mut source).await, Some(failed.clone()));
    source.settle().await;
    assert_eq!(next(&mut source).await, None);
    number.store(7, Ordering::Relaxed);
    assert_eq!(next(&mut source).await, Some((vec![], passed("7"))));
    source.settle().await;
    number.store(-1, Ordering::Relaxed);
    assert_eq!(next(&mut source).await, Some(failed));
}

#[tokio::test(start_paused = true)]
async fn one_look_is_all_where_somebody_waits_for_its_end() {
    let number = Arc::new(AtomicI64::new(7));
    let mut source = looking(&number, None, true);
    assert!(next(&mut source).await.is_some());
    source.settle().await;
    number.store(8, Ordering::Relaxed);
    assert_eq!(next(&mut source).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_cannot_be_read_is_a_failure_of_the_source() {
    let number = Arc::default();
    let error = looking(&number, Some("{"), false)
        .receive()
        .await
        .unwrap_err();
    assert!(
        error.message.contains("memory of number:n cannot be read"),
        "{error}"
    );
}
