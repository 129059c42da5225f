//! The options of every rule, and of the service itself.

use super::{Kind, OptionRow, Scope};

/// The options of every rule.
pub const RULE: [OptionRow; 20] = [
    OptionRow {
        name: "events",
        scope: Scope::Rule,
        kind: Kind::List,
        default: None,
        meaning: "types of events; `*` stands for any text, as in `esi_leap.lease.*.error`, and `[fd]` for \
                  one of these letters. No brackets or quotation marks around the list. Types that ESI \
                  Leap never sends are warned of",
    },
    OptionRow {
        name: "filter_params",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "all of its entries must hold. A string is a regular expression matched from the start of \
                  the value (Python's `re.match`), in which nothing is repeated more than 10,000 times; a \
                  number, `true`, `false` or `null` is compared; a list means any of its items. A field \
                  that is null or missing matches `null` only. An object holds operators, like `{\"gt\": 5, \
                  \"lt\": 10}`, all of which must hold",
    },
    OptionRow {
        name: "filter_any",
        scope: Scope::Rule,
        kind: Kind::JsonList,
        default: None,
        meaning: "a list of objects like `filter_params`, of which one must hold besides `filter_params`",
    },
    OptionRow {
        name: "order_by",
        scope: Scope::Rule,
        kind: Kind::Field,
        default: None,
        meaning: "runs with the same value here never overlap, and start in order, over all rules with the \
                  same `order_by`; without it, those of a node",
    },
    OptionRow {
        name: "retries",
        scope: Scope::Rule,
        kind: Kind::Number(0, 1_000_000),
        default: Some("0"),
        meaning: "how often a failed run is tried again",
    },
    OptionRow {
        name: "retry_delay",
        scope: Scope::Rule,
        kind: Kind::Duration,
        default: Some("10s"),
        meaning: "how long to wait before a failed run is tried again; the delay doubles each time, up to \
                  an hour",
    },
    OptionRow {
        name: "retry_on",
        scope: Scope::Rule,
        kind: Kind::List,
        default: Some("failure, timeout"),
        meaning: "after what an attempt is made again: `failure`, `timeout` (the attempt took longer than its \
                  limit), or both",
    },
    OptionRow {
        name: "on_success",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the step that follows when this one succeeded: the name of its section, `RULE/STEP`",
    },
    OptionRow {
        name: "on_failure",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "the step that follows when this one failed and is not tried again",
    },
    OptionRow {
        name: "on_failure_means",
        scope: Scope::Rule,
        kind: Kind::Choice(&["failure", "success"]),
        default: Some("failure"),
        meaning: "whether a run in which a step failed, and all steps after it succeeded, is `discarded` or \
                  `succeeded`",
    },
    OptionRow {
        name: "results",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: Some("{}"),
        meaning: "names and paths, as in `{\"ip\": \"$.ip\"}`: values of the JSON object that the action wrote \
                  (all of its output, or the last line that is one). Later steps see them as `@STEP.ip` in \
                  `script_params` and `steps.STEP.ip` in templates; `@STEP.exit_status` is there for scripts",
    },
    OptionRow {
        name: "start_at",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: None,
        meaning: "when runs start: a path to a time in the event or `time`, that of the event itself, plus or \
                  minus a length of time, like `end_time - 24h` or `time + 10m`. The run is accepted at once \
                  and `scheduled` until then; a time that is over is now. Without it: at once",
    },
    OptionRow {
        name: "max_age",
        scope: Scope::Rule,
        kind: Kind::PositiveDuration,
        default: None,
        meaning: "a run that has not started so long after its event, or after the time of its `start_at`, is \
                  cancelled; without it, runs never get too old",
    },
    OptionRow {
        name: "times_without_zone",
        scope: Scope::Rule,
        kind: Kind::Text,
        default: Some("UTC"),
        meaning: "the time zone, like `Europe/Berlin`, of times that name none, and of those that ESI Leap \
                  writes by itself, in the local time of its host although they end in `Z`. A lease's \
                  `start_time` and `end_time` and the time of a notification are always UTC",
    },
    OptionRow {
        name: "cancelled_by",
        scope: Scope::Rule,
        kind: Kind::List,
        default: None,
        meaning: "types of events, as in `events`, that make a run pointless: earlier runs of this rule for \
                  the same lease (for events that are about no lease: with the same key) that have not started \
                  are cancelled, and one that is running is not tried again",
    },
    OptionRow {
        name: "cancel_running",
        scope: Scope::Rule,
        kind: Kind::Switch,
        default: Some("no"),
        meaning: "`yes`: such a run that is running is ended as when its time limit has passed, and cancelled",
    },
    OptionRow {
        name: "recheck",
        scope: Scope::Rule,
        kind: Kind::Json,
        default: None,
        meaning: "filters as in `filter_params`, put to the lease as ESI Leap shows it just before a run starts, \
                  and before each retry of its first step: a run that they refuse, or whose lease ESI Leap does not \
                  have, is cancelled. While ESI Leap cannot be asked, the run waits (`lease_retry_delay`) and no retry \
                  is used up. In `listen` too ESI Leap is asked as `client` and `cloud` say",
    },
    OptionRow {
        name: "limit",
        scope: Scope::Rule,
        kind: Kind::Number(1, 1_000),
        default: None,
        meaning: "how many runs of this rule may be under way at once; the others wait in their order",
    },
    OptionRow {
        name: "limit_by",
        scope: Scope::Rule,
        kind: Kind::Field,
        default: None,
        meaning: "`limit` counts those with the same value here, not all of the rule",
    },
    OptionRow {
        name: "enabled",
        scope: Scope::Rule,
        kind: Kind::Switch,
        default: Some("yes"),
        meaning: "`no` switches the rule off",
    },
];

/// The options of the service itself.
pub const SERVICE: [OptionRow; 6] = [
    OptionRow {
        name: "state_dir",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "where the journal is kept: a folder on a local disk. Without it: systemd's \
                  `$STATE_DIRECTORY`, `/var/lib/esi-event-actions` for root, \
                  `~/.local/state/esi-event-actions` for others",
    },
    OptionRow {
        name: "max_parallel",
        scope: Scope::Service,
        kind: Kind::Number(1, 1_000),
        default: Some("8"),
        meaning: "how many scripts and requests may run at the same time, over all nodes",
    },
    OptionRow {
        name: "stop_timeout",
        scope: Scope::Service,
        kind: Kind::Duration,
        default: Some("30s"),
        meaning: "how long running scripts and requests may take to finish when the service stops",
    },
    OptionRow {
        name: "http",
        scope: Scope::Service,
        kind: Kind::Text,
        default: None,
        meaning: "an address and a port, like `127.0.0.1:9417`, or a Unix socket, like `unix:/run/esi-event-actions/http.sock`, at which \
                  `listen` answers `GET /metrics`, `/healthz` and `/readyz`: for administrators, and never that of a source",
    },
    OptionRow {
        name: "keep_for",
        scope: Scope::Service,
        kind: Kind::Duration,
        default: Some("30d"),
        meaning: "how long finished events stay in the journal",
    },
    OptionRow {
        name: "keep_events",
        scope: Scope::Service,
        kind: Kind::Number(0, 1_000_000_000),
        default: Some("100000"),
        meaning: "how many finished events stay in the journal",
    },
];
