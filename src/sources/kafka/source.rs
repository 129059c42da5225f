//! Topics as a `Source`: what was read is handed over together with how far that is.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Kafka;
use super::consumer::Consumer;
use super::memory::{Memory, Place, Spot};
use super::message::Messages;
use crate::journal::{Cursor, ProgressStep};
use crate::sources::{
    Batch, LARGEST_BATCH, Opening, Pending, Received, Source, SourceError, SourceErrorKind,
};
use crate::telemetry::Condition;

/// How many bytes of messages share a commit at most; one alone may be larger.
const LARGEST_COMMIT: usize = 4 * 1024 * 1024;

/// Reads topics.
pub(super) struct KafkaSource {
    consumer: Consumer,
    messages: Messages,
    /// As it was opened, but with the cursor that is on disk by now.
    opening: Opening,
    /// How it is named in the log.
    who: String,
    on_disk: Memory,
    /// The same, with what was handed over or decided since.
    memory: Memory,
    is_remembered: bool,
    /// What follows once what was handed over is on disk.
    handed_over: Option<HandedOver>,
    /// The partition that was served last.
    served: Option<Spot>,
    /// What was noted as hindering it, and is not over.
    noted: Option<String>,
    /// What was last logged of what it reads, since the brokers are reached.
    logged: Option<String>,
}

/// What its memory on disk is once that is settled, if it moves.
struct HandedOver(Option<Memory>);

impl KafkaSource {
    /// Goes on where its cursor says, if there is one.
    pub(super) fn new(kafka: Arc<Kafka>, opening: Opening) -> Self {
        let who = format!("kafka {}", opening.name);
        let mut source = Self {
            messages: Messages::new(opening.name.clone(), kafka.key.clone()),
            consumer: Consumer::new(kafka, who.clone(), opening.until_drained),
            who,
            opening,
            on_disk: Memory::default(),
            memory: Memory::default(),
            is_remembered: false,
            handed_over: None,
            served: None,
            noted: None,
            logged: None,
        };
        source.tell();
        source
    }

    fn remember(&mut self) -> Result<(), SourceError> {
        if let Some(Cursor(text)) = &self.opening.stored {
            let memory = serde_json::from_str::<Memory>(text).map_err(|error| SourceError {
                kind: SourceErrorKind::Failed,
                message: format!(
                    "the journal's memory of {} cannot be read: {error}",
                    self.who
                ),
                hint: "give the source another name, and it begins anew",
            })?;
            self.on_disk = memory;
        }
        self.memory = self.on_disk.clone();
        self.is_remembered = true;
        Ok(())
    }

    /// What is to be put on disk, if anything is.
    fn next_batch(&mut self) -> Option<Batch> {
        let hindrance = self.consumer.hindrance();
        if hindrance.is_some() && hindrance != self.noted {
            self.noted.clone_from(&hindrance);
            self.handed_over = Some(HandedOver(None));
            let failed = hindrance.map(ProgressStep::Failed);
            return Some(self.opening.batch(Vec::new(), failed));
        }
        let now = Timestamp::now();
        let (mut decoded, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for spot in self.in_turn() {
            let Some(reader) = self.consumer.readers.get_mut(&spot) else {
                continue;
            };
            let before = taken;
            while let Some(message) = reader.waiting.front() {
                let size = message.size();
                if taken > 0 && (taken == LARGEST_BATCH || bytes + size > LARGEST_COMMIT) {
                    break;
                }
                let Some(message) = reader.waiting.pop_front() else {
                    break;
                };
                (taken, bytes) = (taken + 1, bytes + size);
                let Opening {
                    interest, identity, ..
                } = &self.opening;
                decoded.extend(self.messages.decoded(interest, identity, &message, now));
                let place = Place {
                    next: message.offset.saturating_add(1),
                    log: message.log,
                    gone: false,
                };
                self.memory.put(&spot, place);
            }
            if taken > before {
                self.served = Some(spot);
            }
        }
        let mut readers = self.consumer.readers.values();
        let is_all = hindrance.is_none() && readers.all(|it| it.waiting.is_empty());
        // What hindered it is over on disk, too, once all is read.
        let is_over = is_all && self.noted.take().is_some();
        if taken == 0 && !is_over && self.memory == self.on_disk {
            return None;
        }
        let cursor = self.memory.cursor();
        let step = if is_all {
            ProgressStep::Passed(cursor)
        } else {
            ProgressStep::Read(cursor)
        };
        self.handed_over = Some(HandedOver(Some(self.memory.clone())));
        Some(self.opening.batch(decoded, Some(step)))
    }

    /// The partitions with messages, those first that were not served last.
    fn in_turn(&self) -> Vec<Spot> {
        let readers = self.consumer.readers.iter();
        let mut all: Vec<Spot> = readers
            .filter(|(_, reader)| !reader.waiting.is_empty())
            .map(|(spot, _)| spot.clone())
            .collect();
        if let Some(served) = &self.served {
            let behind = all.partition_point(|spot| spot <= served);
            all.rotate_left(behind);
        }
        all
    }

    /// What keeps it from reading what there is.
    fn failure(&self) -> Option<SourceError> {
        let why = self.consumer.trouble();
        why.map(|why| SourceError {
            kind: SourceErrorKind::Temporary,
            message: format!("{}: {why}", self.who),
            hint: "without --until-idle the service would go on trying",
        })
    }

    /// What it reads, once where it began is on disk.
    fn reading(&self) -> Option<String> {
        let is_kept = self.memory == self.on_disk || self.logged.is_some();
        if !self.consumer.is_begun() || !self.is_remembered || !is_kept {
            return None;
        }
        let readers = &self.consumer.readers;
        let mut topics: Vec<&str> = readers.keys().map(|(it, _)| it.as_str()).collect();
        topics.dedup();
        let s = if readers.len() == 1 { "" } else { "s" };
        Some(match topics[..] {
            [] => "reading nothing yet".to_owned(),
            _ => format!(
                "reading {} partition{s} of {}",
                readers.len(),
                topics.join(", ")
            ),
        })
    }

    /// Tells how it is doing; what it reads is logged, too.
    fn tell(&mut self) {
        let (reading, hindrance) = (self.reading(), self.consumer.hindrance());
        if reading != self.logged {
            if let Some(reading) = &reading {
                tracing::info!("{}: {reading}", self.who);
            }
            self.logged.clone_from(&reading);
        }
        let is_ready = reading.is_some();
        let words: Vec<String> = reading.into_iter().chain(hindrance).collect();
        let words = match &words[..] {
            [] => "connecting to the brokers".to_owned(),
            words => words.join("; "),
        };
        self.opening.teller.tell(Condition {
            is_ready,
            has_failed: self.consumer.is_cut_off(),
            words: format!("{}: {words}", self.opening.identity),
        });
    }
}

impl Source for KafkaSource {
    fn name(&self) -> &str {
        let Opening { identity, .. } = &self.opening;
        identity
    }

    fn receive(&mut self) -> Pending<'_, Result<Received, SourceError>> {
        Box::pin(async {
            if self.handed_over.take().is_some() {
                // What was handed over is not on disk: it comes again, and what follows it too.
                self.is_remembered = false;
                self.noted = None;
                self.consumer.give_up(None, Instant::now());
            }
            if !self.is_remembered {
                self.remember()?;
            }
            loop {
                self.consumer.go_on(&mut self.memory);
                self.tell();
                if let Some(batch) = self.next_batch() {
                    return Ok(Received::Batch(batch));
                }
                if self.opening.until_drained {
                    if let Some(failure) = self.failure() {
                        return Err(failure);
                    }
                    if self.consumer.is_at_end() {
                        return Ok(Received::Drained);
                    }
                }
                self.consumer.wait(&mut self.memory).await;
            }
        })
    }

    fn settle(&mut self) -> Pending<'_, ()> {
        if let Some(HandedOver(Some(memory))) = self.handed_over.take() {
            self.opening.stored = Some(memory.cursor());
            self.on_disk = memory;
        }
        self.tell();
        Box::pin(std::future::ready(()))
    }

    fn close(&mut self) -> Pending<'_, ()> {
        self.consumer.give_up(None, Instant::now());
        Box::pin(std::future::ready(()))
    }
}
