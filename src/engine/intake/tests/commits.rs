//! Intake beside a journal whose answers are lost.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;

use super::super::*;
use crate::core::event::Event;
use crate::core::retry::RetryPolicy;
use crate::core::rules::{Chain, EventPattern, Rule, When};
use crate::journal::conformance::LostAnswers;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Browse, Progress, ProgressStep, RunFilter};
use crate::sources::{Arrival, Batch, NothingToAdd, Pending};
use crate::state::Access;

/// One that has this to give, and counts how often it is settled.
struct Once {
    given: Option<Batch>,
    settled: Arc<AtomicUsize>,
    /// What it cancels when it gives that.
    stop: CancellationToken,
}

impl Source for Once {
    fn name(&self) -> &'static str {
        "bus"
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            let given = self.given.take().map_or(Received::Drained, Received::Batch);
            self.stop.cancel();
            Ok(given)
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        self.settled.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A rule for all events.
fn rules() -> RuleSet {
    RuleSet::new(vec![Rule {
        name: "r".to_owned(),
        events: vec![EventPattern::parse("*").unwrap()],
        filters: Vec::new(),
        alternatives: Vec::new(),
        asks: Vec::new(),
        order_by: None,
        chain: Chain::single("r", RetryPolicy::default()),
        when: When::default(),
        throttle: None,
        enabled: true,
    }])
}

fn one_event() -> Batch {
    let payload = serde_json::json!({});
    let event = Event::new("m1".into(), "t".into(), "now".into(), None, payload);
    Batch {
        decoded: vec![Decoded::Event(Arrival::whole(event))],
        progress: None,
    }
}

fn intake<J: Journal>(source: Once, journal: J) -> Intake<J> {
    Intake {
        source: Box::new(source),
        journal,
        rules: Rulebook::new(rules(), HashMap::new()).0,
        enrich: Arc::new(NothingToAdd),
        work: Arc::default(),
    }
}

async fn number_of_runs(journal: &SqliteJournal) -> usize {
    let all = RunFilter {
        limit: 9,
        ..RunFilter::default()
    };
    journal.runs(all).await.unwrap().len()
}

#[tokio::test]
async fn a_stop_waits_for_the_batch_under_way_to_be_on_disk_and_settled() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let (settled, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
    let source = Once {
        given: Some(one_event()),
        settled: Arc::clone(&settled),
        stop: stop.clone(),
    };
    intake(source, journal.clone()).run(stop).await.unwrap();
    assert_eq!(settled.load(Ordering::Relaxed), 1);
    assert_eq!(number_of_runs(&journal).await, 1);
}

#[tokio::test]
async fn what_is_accepted_with_a_lost_answer_is_accepted_once_and_settled_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
    let progress = Progress {
        source: "bus".to_owned(),
        from: None,
        step: ProgressStep::Failed("the cloud is away".to_owned()),
    };
    let settled: Arc<AtomicUsize> = Arc::default();
    let source = Once {
        given: Some(Batch {
            progress: Some(progress),
            ..one_event()
        }),
        settled: Arc::clone(&settled),
        stop: CancellationToken::new(),
    };
    let intake = intake(source, Arc::new(LostAnswers::of(journal.clone())));
    intake.run(CancellationToken::new()).await.unwrap();
    assert_eq!(settled.load(Ordering::Relaxed), 1);
    assert_eq!(number_of_runs(&journal).await, 1);
    // Both tries had the same time, so the second told nothing new.
    assert_eq!(journal.sources().await.unwrap()[0].failures, 1);
}
