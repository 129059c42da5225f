//! Made-up feeds: what the supervisor makes of failures, ends, panics and reloads.

mod duties;
mod endings;
mod reloads;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::*;
use crate::core::rules::RuleSet;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Placement, Work};
use crate::sources::{NothingToAdd, Pending, Received, Source, SourceErrorKind};
use crate::state::Access;
use crate::telemetry::Conditions;

/// What a made-up feed does, and after how long.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// It waits for ever.
    Stays,
    /// It has nothing left.
    Drained(Duration),
    Fails(Duration, SourceErrorKind),
    Panics,
}

/// What the feeds did, in order: `open NAME`, `close NAME`.
#[derive(Clone, Default)]
struct Diary(Arc<watch::Sender<Vec<(String, Instant)>>>);

impl Diary {
    fn note(&self, what: &str, name: &str) {
        let line = (format!("{what} {name}"), Instant::now());
        self.0.send_modify(|lines| lines.push(line));
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.0.borrow();
        lines.iter().map(|(line, _)| line.clone()).collect()
    }

    fn times(&self, of: &str) -> Vec<Instant> {
        let lines = self.0.borrow();
        let of = lines.iter().filter(|(line, _)| line == of);
        of.map(|(_, at)| *at).collect()
    }

    /// Waits until there are `count` such lines.
    async fn wait_for(&self, of: &str, count: usize) {
        let mut lines = self.0.subscribe();
        let has = |lines: &Vec<(String, Instant)>| {
            lines.iter().filter(|(line, _)| line == of).count() >= count
        };
        lines.wait_for(has).await.expect("the diary is still here");
    }
}

struct MadeUp {
    name: String,
    course: Course,
    diary: Diary,
    /// How long it takes to disconnect.
    leave: Duration,
}

impl Source for MadeUp {
    fn name(&self) -> &str {
        &self.name
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        let course = self.course;
        Box::pin(async move {
            match course {
                Course::Stays => std::future::pending().await,
                Course::Drained(after) => {
                    sleep(after).await;
                    Ok(Received::Drained)
                }
                Course::Fails(after, kind) => {
                    sleep(after).await;
                    let (message, hint) = ("it failed".to_owned(), "look");
                    Err(SourceError {
                        kind,
                        message,
                        hint,
                    })
                }
                Course::Panics => panic!("made up"),
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        Box::pin(async {
            sleep(self.leave).await;
            self.diary.note("close", &self.name);
        })
    }
}

/// A service of made-up feeds, and what stops it.
struct Service {
    folder: TempDir,
    supervisor: Supervisor<SqliteJournal>,
    diary: Diary,
    conditions: Conditions,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path(), Access::Service).unwrap();
        let supervisor = Supervisor {
            journal,
            owner: Arc::default(),
            rules: Rulebook::new(RuleSet::default(), HashMap::new()).0,
            enrich: Arc::new(NothingToAdd),
            work: Arc::default(),
            stop: Stop::default(),
            drained: CancellationToken::new(),
        };
        Self {
            folder,
            supervisor,
            diary: Diary::default(),
            conditions: Conditions::default(),
        }
    }

    /// A feed that a service keeps open.
    fn feed(&self, name: &str, course: Course) -> Feed {
        self.saying(name, course, "1")
    }

    /// The same with these options.
    fn saying(&self, name: &str, course: Course, options: &str) -> Feed {
        Feed {
            open: Open::Anew(self.opener(name, course)),
            identity: name.to_owned(),
            summary: None,
            said: said(options),
            placement: Placement::One,
            teller: self.conditions.teller("feed"),
        }
    }

    /// A feed whose end somebody waits for.
    fn until_drained(&self, name: &str, course: Course) -> Feed {
        Feed {
            open: Open::UntilDrained(self.opener(name, course)),
            ..self.feed(name, course)
        }
    }

    fn opener(&self, name: &str, course: Course) -> Opener {
        let (name, diary) = (name.to_owned(), self.diary.clone());
        Box::new(move |_| {
            diary.note("open", &name);
            Box::new(MadeUp {
                name: name.clone(),
                course,
                diary: diary.clone(),
                leave: Duration::from_millis(100),
            })
        })
    }

    /// Runs it with these feeds, whose changes come from `changes`, beside something else. Dispatch ends once
    /// it is stopped or nothing more can come.
    async fn run(
        self,
        feeds: Vec<Feed>,
        meanwhile: impl AsyncFnOnce(Meanwhile),
    ) -> Result<Tally, Failure> {
        let (change, changes) = mpsc::unbounded_channel();
        let meanwhile = meanwhile(Meanwhile {
            change,
            stop: self.supervisor.stop.clone(),
            drained: self.supervisor.drained.clone(),
            diary: self.diary.clone(),
            journal: self.supervisor.journal.clone(),
        });
        let journal = self.supervisor.journal.clone();
        let owner = self.supervisor.owner.clone();
        let (stop, drained) = (
            self.supervisor.stop.intake.clone(),
            self.supervisor.drained.clone(),
        );
        let until_stopped = stop.clone();
        let rest = Rest {
            dispatch: Box::pin(async move {
                if !owner.initialized() {
                    owner.set(join(&journal).await).unwrap();
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = drained.cancelled() => {}
                }
                Ok(TALLY)
            }),
            upkeep: Box::pin(async move {
                until_stopped.cancelled().await;
                Ok(())
            }),
            aside: Box::pin(std::future::pending()),
        };
        tokio::join!(self.supervisor.run(feeds, changes, rest), meanwhile).0
    }
}

/// What dispatch did.
const TALLY: Tally = Tally {
    succeeded: 1,
    failed: 2,
    given_up: 3,
    interrupted: 4,
};

/// What a configuration says that says this.
fn said(max_parallel: &str) -> Fingerprints {
    let text = format!("[DEFAULT]\nmax_parallel = {max_parallel}\n[r]\nevents = e\nscript = s\n");
    let reading = crate::app::parts::read(&text, Path::new("f"));
    reading.config.expect("no problems").service
}

/// What a test does while the service runs.
struct Meanwhile {
    change: mpsc::UnboundedSender<Vec<Feed>>,
    stop: Stop,
    drained: CancellationToken,
    diary: Diary,
    journal: SqliteJournal,
}

async fn join(journal: &SqliteJournal) -> Owner {
    let joining = journal.join("host".to_owned(), Timestamp::UNIX_EPOCH);
    joining.await.unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_is_opened_again_ever_more_rarely_and_stops_no_other_one() {
    let service = Service::new();
    let fails = Course::Fails(Duration::ZERO, SourceErrorKind::Failed);
    let feeds = vec![
        service.feed("bad", fails),
        service.feed("good", Course::Stays),
    ];
    let diary = service.diary.clone();
    let tally = service
        .run(feeds, async |it| {
            it.diary.wait_for("open bad", 12).await;
            assert!(!it.drained.is_cancelled());
            assert_eq!(it.diary.times("close good"), []);
            it.stop.intake.cancel();
        })
        .await;
    assert_eq!(tally.unwrap(), TALLY);
    let times = diary.times("open bad");
    let delays: Vec<u64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs())
        .collect();
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(diary.times("open good").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_ran_for_long_before_it_failed_is_opened_soon_again() {
    let service = Service::new();
    let long = Duration::from_secs(1_000);
    let feeds = vec![service.feed("long", Course::Fails(long, SourceErrorKind::Temporary))];
    let diary = service.diary.clone();
    let ended = service
        .run(feeds, async |it| {
            it.diary.wait_for("open long", 4).await;
            it.stop.intake.cancel();
        })
        .await;
    ended.unwrap();
    let times = diary.times("open long");
    let delays = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs());
    assert_eq!(delays.collect::<Vec<_>>(), [1_001; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_failed_says_what_it_waits_for() {
    let service = Service::new();
    let fails = Course::Fails(Duration::ZERO, SourceErrorKind::Failed);
    let feeds = vec![service.feed("bad", fails)];
    let mut conditions = service.conditions.watch();
    let ended = service
        .run(feeds, async |it| {
            let failed = conditions.wait_for(|all| all.values().any(|feed| feed.has_failed));
            let words = failed.await.unwrap().values().next().unwrap().words.clone();
            assert_eq!(words, "bad has failed, trying again in 1s: it failed");
            it.stop.intake.cancel();
        })
        .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_feed_whose_end_is_waited_for_fails_once_and_the_others_go_on_to_theirs() {
    let service = Service::new();
    let fails = Course::Fails(SECOND, SourceErrorKind::Temporary);
    let feeds = vec![
        service.until_drained("bad", fails),
        service.until_drained("good", Course::Drained(SECOND * 5)),
    ];
    let diary = service.diary.clone();
    let ended = service
        .run(feeds, async |it| {
            it.diary.wait_for("close bad", 1).await;
            assert!(!it.drained.is_cancelled(), "one goes on");
        })
        .await;
    assert!(matches!(&ended, Err(Failure::Source(error)) if error.message == "it failed"));
    assert_eq!(diary.times("open bad").len(), 1);
    assert_eq!(diary.lines().last().unwrap(), "close good");
}

#[tokio::test(start_paused = true)]
async fn the_service_is_drained_once_all_feeds_are() {
    let service = Service::new();
    let feeds = vec![
        service.until_drained("one", Course::Drained(SECOND)),
        service.until_drained("two", Course::Drained(SECOND * 3)),
    ];
    let ended = service
        .run(feeds, async |it| {
            it.diary.wait_for("close one", 1).await;
            assert!(!it.drained.is_cancelled());
            it.drained.cancelled().await;
            assert_eq!(it.diary.times("close two").len(), 1);
        })
        .await;
    assert_eq!(ended.unwrap(), TALLY);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_service_in_order_and_is_its_cause() {
    let service = Service::new();
    let feeds = vec![
        service.feed("good", Course::Stays),
        service.feed("bad", Course::Panics),
    ];
    let diary = service.diary.clone();
    let ended = service.run(feeds, async |_| {}).await.unwrap_err();
    assert!(
        matches!(&ended, Failure::Defect(error) if error.is_panic()),
        "{ended}"
    );
    assert_eq!(diary.lines().last().unwrap(), "close good");
}

#[tokio::test(start_paused = true)]
async fn the_first_cause_is_the_one_that_counts() {
    let service = Service::new();
    let fails = |after, kind| Course::Fails(SECOND * after, kind);
    let feeds = vec![
        service.until_drained("first", fails(1, SourceErrorKind::Temporary)),
        service.until_drained("second", fails(2, SourceErrorKind::Failed)),
    ];
    let ended = service.run(feeds, async |_| {}).await;
    let Err(Failure::Source(SourceError { kind, .. })) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(kind, SourceErrorKind::Temporary);
}
