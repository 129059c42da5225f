//! The brokers are asked: which partitions there are, where new ones begin, and for the messages of each.
//!
//! Each question is a task of its own, so that no partition waits for another, and a panic of the client library is a failure
//! like any other. What is not answered when it is given up is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::Kafka;
use super::client::{Cluster, Trouble};
use super::memory::{Memory, Place, Spot, Start, Topics, in_words};
use super::reader::{Reader, delay};
use super::tasks::{Done, begin, look};
use crate::core::outage::Outage;

/// How often topics and partitions are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How soon at least after one look comes the next.
const LOOK_SOON: Duration = Duration::from_millis(500);

/// After a failure it is tried again in a second at first; the delay doubles, up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// How long brokers wait for a message to come.
const WAIT: Duration = Duration::from_secs(5);

/// The same where the source is only to read what there is.
const WAIT_UNTIL_DRAINED: Duration = Duration::from_millis(100);

/// About so many bytes are asked for at a time, of all partitions together; of one, within these bounds.
const BYTES: i32 = 32 * 1024 * 1024;
const BYTES_OF_ONE: (i32, i32) = (64 * 1024, 1024 * 1024);

/// Asks the brokers, and keeps what was read until it is handed over.
pub(super) struct Consumer {
    kafka: Arc<Kafka>,
    /// How it is named in the log.
    who: String,
    /// How long brokers wait for a message to come.
    wait: Duration,
    link: Link,
    outage: Outage,
    is_looking: bool,
    pub(super) readers: BTreeMap<Spot, Reader>,
    /// How many readers there were.
    readers_made: u64,
    /// The partitions whose beginnings are looked for, by topic.
    beginnings: BTreeMap<String, Beginning>,
    /// The topics that are not there.
    missing: BTreeMap<String, Outage>,
    /// The partitions that are not there any more, of topics that are.
    fewer: BTreeSet<Spot>,
    tasks: JoinSet<Done>,
}

/// How the cluster is reached.
enum Link {
    /// Not, for this reason if it was tried.
    Down { why: Option<String>, until: Instant },
    Up {
        cluster: Arc<Cluster>,
        look_at: Instant,
    },
}

/// Partitions that are to be begun together.
struct Beginning {
    start: Start,
    partitions: BTreeSet<i32>,
    is_asked: bool,
    not_before: Instant,
    /// Why it could not be found so far.
    trouble: Option<String>,
    outage: Outage,
}

impl Consumer {
    /// Asks nothing yet. `until_drained` says that it is to read only what there is.
    pub(super) fn new(kafka: Arc<Kafka>, who: String, until_drained: bool) -> Self {
        Self {
            kafka,
            who,
            wait: if until_drained {
                WAIT_UNTIL_DRAINED
            } else {
                WAIT
            },
            link: Link::Down {
                why: None,
                until: Instant::now(),
            },
            outage: Outage::default(),
            is_looking: false,
            readers: BTreeMap::new(),
            readers_made: 0,
            beginnings: BTreeMap::new(),
            missing: BTreeMap::new(),
            fewer: BTreeSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Waits until a question is answered, or one is to be asked. Dropping the future loses nothing.
    pub(super) async fn wait(&mut self, memory: &mut Memory) {
        let wake = self.wake();
        tokio::select! {
            done = self.tasks.join_next(), if !self.tasks.is_empty() => self.done(done, memory),
            () = tokio::time::sleep_until(wake) => {}
        }
    }

    /// Takes all answers that are there, and asks what is to be asked by now.
    pub(super) fn go_on(&mut self, memory: &mut Memory) {
        while let done @ Some(_) = self.tasks.try_join_next() {
            self.done(done, memory);
        }
        self.ask();
    }

    /// Whether the brokers are reached, and the beginnings of all topics are known, but for those that fail to tell theirs.
    pub(super) fn is_begun(&self) -> bool {
        let mut beginnings = self.beginnings.values();
        matches!(self.link, Link::Up { .. }) && beginnings.all(|it| it.trouble.is_some())
    }

    /// Whether all there was has been read.
    pub(super) fn is_at_end(&self) -> bool {
        let mut readers = self.readers.values();
        self.is_begun() && self.beginnings.is_empty() && readers.all(|it| it.is_at_end)
    }

    /// Whether the brokers could not be reached.
    pub(super) fn is_cut_off(&self) -> bool {
        matches!(self.link, Link::Down { why: Some(_), .. })
    }

    /// Forgets what was asked and what was read since the last commit.
    pub(super) fn give_up(&mut self, why: Option<String>, until: Instant) {
        self.tasks = JoinSet::new();
        self.is_looking = false;
        self.readers.clear();
        self.beginnings.clear();
        self.link = Link::Down { why, until };
    }

    fn fail(&mut self, why: String) {
        let delay = delay(self.outage.failures() + 1, LONGEST_DELAY);
        let what = format!("{}: {why}", self.who);
        self.outage
            .log_failure(&what, delay, std::time::Instant::now());
        self.give_up(Some(why), Instant::now() + delay);
    }

    /// Asks what is to be asked by now.
    fn ask(&mut self) {
        let now = Instant::now();
        let (cluster, is_due) = match &self.link {
            Link::Down { until, .. } => (None, *until <= now),
            Link::Up { cluster, look_at } => (Some(Arc::clone(cluster)), *look_at <= now),
        };
        if is_due && !self.is_looking {
            self.is_looking = true;
            self.tasks
                .spawn(look(Arc::clone(&self.kafka), cluster.clone()));
        }
        let Some(cluster) = cluster else { return };
        for (topic, beginning) in &mut self.beginnings {
            if !beginning.is_asked && beginning.not_before <= now {
                beginning.is_asked = true;
                let partitions = beginning.partitions.clone();
                let begin = begin(
                    Arc::clone(&cluster),
                    topic.clone(),
                    partitions,
                    beginning.start,
                );
                self.tasks.spawn(begin);
            }
        }
        let count = i32::try_from(self.readers.len()).unwrap_or(i32::MAX);
        let bytes = (BYTES / count.max(1)).clamp(BYTES_OF_ONE.0, BYTES_OF_ONE.1);
        for (spot, reader) in &mut self.readers {
            let how = (bytes, self.wait, self.kafka.start);
            if let Some(question) = reader.question(spot, &cluster, how) {
                self.tasks
                    .spawn(async { Done::Answered(question.ask().await) });
            }
        }
    }

    /// When something is to be asked, if nothing happens before.
    fn wake(&self) -> Instant {
        let of_link = match &self.link {
            Link::Down { until, .. } => *until,
            Link::Up { look_at, .. } => *look_at,
        };
        let of_link = (!self.is_looking).then_some(of_link);
        let of_beginnings = self.beginnings.values().filter(|it| !it.is_asked);
        let of_beginnings = of_beginnings.map(|it| it.not_before);
        let of_readers = self.readers.values().filter_map(Reader::due);
        let all = of_link.into_iter().chain(of_beginnings).chain(of_readers);
        all.min().unwrap_or_else(|| Instant::now() + LOOK_AGAIN)
    }

    fn done(&mut self, done: Option<Result<Done, JoinError>>, memory: &mut Memory) {
        match done {
            Some(Ok(done)) => self.take(done, memory),
            Some(Err(error)) => self.fail(format!("a question to the brokers broke off: {error}")),
            None => {}
        }
    }

    fn take(&mut self, done: Done, memory: &mut Memory) {
        match done {
            Done::Looked(Ok((cluster, there))) => self.looked(cluster, &there, memory),
            Done::Looked(Err(trouble)) => self.fail(told(trouble)),
            Done::Begun(topic, result) => self.begun(&topic, result, memory),
            Done::Answered(answer) => {
                let spot = answer.spot.clone();
                let reader = self.readers.get_mut(&spot);
                let Some(reader) = reader.filter(|it| it.number == answer.number) else {
                    return;
                };
                let place = memory.place(&spot).unwrap_or_default();
                let consequence = reader.take(answer, place, &self.who);
                if let Some(place) = consequence.place {
                    memory.put(&spot, place);
                }
                if let Some(delay) = consequence.look {
                    self.look_soon(delay);
                }
            }
        }
    }

    /// Looks after this time, if not before; looks are as far apart as the first delay, however many partitions fail.
    fn look_soon(&mut self, delay: Duration) {
        if let Link::Up { look_at, .. } = &mut self.link {
            *look_at = (*look_at).min(Instant::now() + delay.max(LOOK_SOON));
        }
    }

    fn looked(&mut self, cluster: Arc<Cluster>, there: &Topics, memory: &mut Memory) {
        let (now, clock) = (Instant::now(), std::time::Instant::now());
        self.is_looking = false;
        self.link = Link::Up {
            cluster,
            look_at: now + LOOK_AGAIN,
        };
        let words = format!("{}: the brokers answer again", self.who);
        self.outage.log_end(&words, clock);
        let asked = &self.kafka.topics;
        let seen = memory.compare(asked, there, self.kafka.start);
        self.readers.retain(|spot, _| seen.known.contains(spot));
        for spot in seen.known {
            let place = memory.place(&spot).unwrap_or_default();
            self.read(spot, place);
        }
        self.beginnings
            .retain(|topic, _| seen.new.contains_key(topic));
        for (topic, (start, partitions)) in seen.new {
            let beginning = self.beginnings.entry(topic).or_insert_with(|| Beginning {
                start,
                partitions: BTreeSet::new(),
                is_asked: false,
                not_before: now,
                trouble: None,
                outage: Outage::default(),
            });
            if !beginning.is_asked {
                beginning.partitions = partitions;
            }
        }
        for spot in seen.fewer.difference(&self.fewer) {
            let (topic, partition) = spot;
            tracing::warn!(
                "{}: topic {topic} has no partition {partition} any more; its others are read on",
                self.who
            );
        }
        self.fewer = seen.fewer;
        let back: Vec<String> = (self.missing.keys())
            .filter(|topic| !seen.missing.contains(*topic))
            .cloned()
            .collect();
        for topic in back {
            if let Some(mut outage) = self.missing.remove(&topic) {
                outage.log_end(&format!("{}: topic {topic} is there", self.who), clock);
            }
        }
        for topic in seen.missing {
            let what = format!("{}: {}", self.who, absent(&topic));
            let outage = self.missing.entry(topic).or_default();
            let delay = delay(outage.failures() + 1, LOOK_AGAIN);
            outage.log_failure(&what, delay, clock);
            self.look_soon(delay);
        }
    }

    /// Reads a partition from there on, unless it is read.
    fn read(&mut self, spot: Spot, place: Place) {
        let number = self.readers_made;
        self.readers_made += 1;
        let new = || Reader::new(number, place);
        self.readers.entry(spot).or_insert_with(new).seen();
    }

    fn begun(
        &mut self,
        topic: &str,
        result: Result<Vec<(i32, i64)>, Trouble>,
        memory: &mut Memory,
    ) {
        let Some(beginning) = self.beginnings.get_mut(topic) else {
            return;
        };
        match result {
            Ok(offsets) => {
                self.beginnings.remove(topic);
                let begun = in_words(offsets.iter().map(|(it, next)| (topic, *it, *next)));
                tracing::info!("{}: beginning with {begun}", self.who);
                for (partition, next) in offsets {
                    let spot = (topic.to_owned(), partition);
                    let place = Place {
                        next,
                        ..Place::default()
                    };
                    memory.put(&spot, place);
                    self.read(spot, place);
                }
            }
            Err(trouble) => {
                beginning.is_asked = false;
                let delay = delay(beginning.outage.failures() + 1, LONGEST_DELAY);
                beginning.not_before = Instant::now() + delay;
                let why = format!("failed to begin topic {topic}: {}", told(trouble));
                let what = format!("{}: {why}", self.who);
                beginning.trouble = Some(why);
                beginning
                    .outage
                    .log_failure(&what, delay, std::time::Instant::now());
                self.look_soon(delay);
            }
        }
    }

    /// What hinders it, in words.
    pub(super) fn hindrance(&self) -> Option<String> {
        if let Link::Down { why, .. } = &self.link {
            return why.clone();
        }
        let missing = self.missing.keys().next().map(|topic| absent(topic));
        missing.or_else(|| self.trouble())
    }

    /// Why not all of what there is can be read.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Link::Down { why, .. } = &self.link {
            return why.clone();
        }
        let of_beginnings = self.beginnings.values().map(|it| &it.trouble);
        let of_readers = self.readers.values().map(|it| &it.trouble);
        of_beginnings.chain(of_readers).flatten().next().cloned()
    }
}

pub(super) fn absent(topic: &str) -> String {
    format!("topic {topic} does not exist, or the user may not see it")
}

pub(super) fn told(trouble: Trouble) -> String {
    match trouble {
        Trouble::Missing => "it is not there".to_owned(),
        Trouble::OutOfRange => "the offset is out of range".to_owned(),
        Trouble::Unreadable(why) => format!("the answer cannot be read: {why}"),
        Trouble::Failed(why) => why,
    }
}
