//! What the service counts, in Prometheus' form.
//!
//! Everything is counted whether anybody asks or not: a count costs less than a line of the log. Labels are names of rules
//! and sources, which the configuration has, states and outcomes: nothing that comes with an event is one.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::core::run::{Outcome, State};
use crate::journal::{Census, SourceRecord};

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is an event for which a rule made runs.
    Matched,
    /// No rule matched the event.
    Unmatched,
    /// It had come before.
    Known,
    /// It could not be decoded or decided.
    Quarantined,
}

impl Received {
    fn label(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Unmatched => "unmatched",
            Self::Known => "known",
            Self::Quarantined => "quarantined",
        }
    }
}

/// In seconds: from scripts that only tell somebody to such that install a machine.
const ATTEMPT_SECONDS: [f64; 11] = [
    0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0,
];

/// In seconds: from a fast disk to one that something else keeps busy.
const COMMIT_SECONDS: [f64; 10] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5,
];

struct Metrics {
    registry: Registry,
    received: IntCounterVec,
    held_back: IntCounterVec,
    attempts: IntCounterVec,
    attempt_seconds: HistogramVec,
    accept_seconds: Histogram,
    runs: IntGaugeVec,
    quarantined: IntGauge,
    held: IntGauge,
    waiting_since: IntGauge,
    source_ready: IntGaugeVec,
    source_read_at: IntGaugeVec,
    source_failures: IntGaugeVec,
    queue_messages: IntGaugeVec,
    queue_consumers: IntGaugeVec,
    reload_good: IntGauge,
    reload_at: IntGauge,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let registry = Registry::new();
    let metrics = Metrics {
        received: counters(
            "esi_deliveries_total",
            "Deliveries that were taken, by source and what became of them",
            &["source", "result"],
        ),
        held_back: counters(
            "esi_held_back_total",
            "Events that the throttle of a rule held back when they were accepted, by rule",
            &["rule"],
        ),
        attempts: counters(
            "esi_attempts_total",
            "Attempts that have ended, by rule and outcome",
            &["rule", "outcome"],
        ),
        attempt_seconds: valid(HistogramVec::new(
            HistogramOpts::new("esi_attempt_seconds", "How long attempts took, by rule")
                .buckets(ATTEMPT_SECONDS.to_vec()),
            &["rule"],
        )),
        accept_seconds: valid(Histogram::with_opts(
            HistogramOpts::new(
                "esi_accept_seconds",
                "How long it took to write a batch of deliveries to the journal, with its commit",
            )
            .buckets(COMMIT_SECONDS.to_vec()),
        )),
        runs: gauges(
            "esi_runs",
            "Runs in the journal, by state; finished ones until they are deleted for their age",
            &["state"],
        ),
        quarantined: gauge("esi_quarantined", "Deliveries in quarantine"),
        held: gauge(
            "esi_runs_held",
            "Runs that wait for a delivery in quarantine",
        ),
        waiting_since: gauge(
            "esi_oldest_unfinished_run_timestamp_seconds",
            "When the first run was accepted of those that wait or run; 0 if none does",
        ),
        source_ready: gauges(
            "esi_source_ready",
            "Whether events of the source come in, or would: 1 if so",
            &["source"],
        ),
        source_read_at: gauges(
            "esi_source_read_timestamp_seconds",
            "When the source was last read to its end, for those that are read",
            &["source"],
        ),
        source_failures: gauges(
            "esi_source_failures",
            "How often in a row the source has failed",
            &["source"],
        ),
        queue_messages: gauges(
            "esi_queue_messages",
            "Messages that were ready in the queue when they were last counted, every five minutes",
            &["queue"],
        ),
        queue_consumers: gauges(
            "esi_queue_consumers",
            "Consumers that the queue had then, this service among them",
            &["queue"],
        ),
        reload_good: gauge(
            "esi_reload_successful",
            "Whether the configuration could be used when it was last read: 1 if so",
        ),
        reload_at: gauge(
            "esi_reload_timestamp_seconds",
            "When the configuration that is in force was read",
        ),
        registry,
    };
    metrics.register();
    metrics
});

impl Metrics {
    fn register(&self) {
        let build = gauges(
            "esi_build_info",
            "The version of the program, and 1",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let all: [Box<dyn prometheus::core::Collector>; 17] = [
            Box::new(build),
            Box::new(self.received.clone()),
            Box::new(self.held_back.clone()),
            Box::new(self.attempts.clone()),
            Box::new(self.attempt_seconds.clone()),
            Box::new(self.accept_seconds.clone()),
            Box::new(self.runs.clone()),
            Box::new(self.quarantined.clone()),
            Box::new(self.held.clone()),
            Box::new(self.waiting_since.clone()),
            Box::new(self.source_ready.clone()),
            Box::new(self.source_read_at.clone()),
            Box::new(self.source_failures.clone()),
            Box::new(self.queue_messages.clone()),
            Box::new(self.queue_consumers.clone()),
            Box::new(self.reload_good.clone()),
            Box::new(self.reload_at.clone()),
        ];
        for metric in all {
            valid(self.registry.register(metric));
        }
    }
}

/// Names and labels are constants above, and different from each other.
fn valid<T>(made: prometheus::Result<T>) -> T {
    made.expect("a valid metric")
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    valid(IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    valid(IntGaugeVec::new(Opts::new(name, help), labels))
}

fn gauge(name: &str, help: &str) -> IntGauge {
    valid(IntGauge::with_opts(Opts::new(name, help)))
}

/// Prometheus has numbers with a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A delivery of a source was taken.
pub fn received(source: &str, result: Received) {
    let labels = [source, result.label()];
    METRICS.received.with_label_values(&labels).inc();
}

/// The throttle of a rule held an event back.
pub fn held_back(rule: &str) {
    METRICS.held_back.with_label_values(&[rule]).inc();
}

/// A batch came on disk, after so long.
pub fn accepted(took: Duration) {
    METRICS.accept_seconds.observe(took.as_secs_f64());
}

/// An attempt of a rule has ended, after so long.
pub fn attempted(rule: &str, outcome: &Outcome, took: Duration) {
    let outcome = match outcome {
        Outcome::Succeeded(_) => "succeeded",
        Outcome::Failed(_) => "failed",
        Outcome::TimedOut(_) => "timed_out",
        Outcome::NotStarted(_) => "not_started",
        Outcome::Interrupted(_) => "interrupted",
    };
    METRICS.attempts.with_label_values(&[rule, outcome]).inc();
    let seconds = METRICS.attempt_seconds.with_label_values(&[rule]);
    seconds.observe(took.as_secs_f64());
}

/// The messages and consumers of a queue were counted.
pub fn counted(queue: &str, messages: u32, consumers: u32) {
    let set = |gauges: &IntGaugeVec, number: u32| {
        gauges.with_label_values(&[queue]).set(number.into());
    };
    set(&METRICS.queue_messages, messages);
    set(&METRICS.queue_consumers, consumers);
}

/// The configuration was read, and can be used or not.
pub fn configured(is_good: bool, now: Timestamp) {
    METRICS.reload_good.set(is_good.into());
    if is_good {
        METRICS.reload_at.set(now.as_second());
    }
}

/// All of it as text, with what the journal counts, what it knows of its sources, and which of them are ready.
#[must_use]
pub fn rendered(census: &Census, sources: &[SourceRecord], ready: &[(String, bool)]) -> String {
    for state in State::ALL {
        let number = census.runs.get(state.as_str()).copied().unwrap_or(0);
        let runs = METRICS.runs.with_label_values(&[state.as_str()]);
        runs.set(signed(number));
    }
    METRICS.quarantined.set(signed(census.quarantined));
    METRICS.held.set(signed(census.held));
    let since = census.waiting_since.map_or(0, Timestamp::as_second);
    METRICS.waiting_since.set(since);
    for gauges in [
        &METRICS.source_ready,
        &METRICS.source_read_at,
        &METRICS.source_failures,
    ] {
        // Those that are no more are told of no more.
        gauges.reset();
    }
    for (source, is_ready) in ready {
        let gauge = METRICS.source_ready.with_label_values(&[source]);
        gauge.set((*is_ready).into());
    }
    for record in sources {
        let source = [&*record.source];
        let failures = METRICS.source_failures.with_label_values(&source);
        failures.set(record.failures.into());
        if let Some(read_at) = record.passed_at {
            let gauge = METRICS.source_read_at.with_label_values(&source);
            gauge.set(read_at.as_second());
        }
    }
    let families = METRICS.registry.gather();
    TextEncoder::new()
        .encode_to_string(&families)
        .unwrap_or_default()
}
