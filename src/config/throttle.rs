//! The options that let only some of the events start that match a rule.

use std::time::Duration;

use super::fields::payload_path;
use super::options::{DURATIONS, Options};
use super::table::{Kind as Value, OptionRow, Scope};
use crate::core::duration::positive_duration;
use crate::core::event::{PayloadPath, first_path_end};
use crate::core::ini::problem::Problem;
use crate::core::throttle::{Kind, Throttle, Throttling};

/// The options of throttles, which every rule may have.
pub const THROTTLE: [OptionRow; 4] = [
    OptionRow {
        name: "once_within",
        scope: Scope::Rule,
        kind: Value::PositiveDuration,
        default: None,
        meaning: "only the first event of a window starts, which begins with it and lasts this long; those after it \
                  in the window are held back",
    },
    OptionRow {
        name: "once_after",
        scope: Scope::Rule,
        kind: Value::PositiveDuration,
        default: None,
        meaning: "one run for all events of a window, which begins with the first and lasts this long: the run \
                  of the first, at the end of the window",
    },
    OptionRow {
        name: "threshold",
        scope: Scope::Rule,
        kind: Value::Threshold,
        default: None,
        meaning: "only the event of this number in a window starts, as in `3 within 10m`: the third in ten minutes \
                  from the first",
    },
    OptionRow {
        name: "throttle_by",
        scope: Scope::Rule,
        kind: Value::List,
        default: None,
        meaning: "paths: events with the same values there share a window. A number and its text differ; an \
                  event that lacks one is a group of its own. Without it, events share a window whose runs are \
                  ordered together",
    },
];

/// The same for actions that tell of several events at once. They have it in their own lists.
pub const BATCH: OptionRow = OptionRow {
    name: "batch",
    scope: Scope::Rule,
    kind: Value::PositiveDuration,
    default: None,
    meaning: "one message for all events of a window, which begins with the first and lasts this long: `message` is \
              filled in for each of the first 100, with a line end between them, as far as the service takes it, and \
              the others are counted. Runs of the rule, and its windows, are ordered together, unless `order_by` or \
              `throttle_by` says otherwise",
};

/// The kinds of throttles. A rule has one at most.
const KINDS: [&str; 4] = ["once_within", "once_after", "threshold", BATCH.name];

/// What is asked of each event by itself, and so of none of a batch.
const OF_ONE_EVENT: [(&str, &str); 3] = [
    (
        "start_at",
        "the events of a batch need not have the same time",
    ),
    (
        "cancelled_by",
        "what cancels one event of a batch would cancel the others, too",
    ),
    (
        "recheck",
        "ESI Leap would be asked about the first event of a batch alone",
    ),
];

/// Reads the throttle of a rule, whose action may tell of several events at once. One of its own replaces what it
/// inherits.
pub(super) fn throttle(
    options: &mut Options<'_>,
    of_leases: bool,
    may_batch: bool,
) -> Option<Throttling> {
    let by = throttle_by(options, of_leases);
    let may_say = |name: &&str| *name != BATCH.name || may_batch;
    let said: Vec<&str> = KINDS
        .into_iter()
        .filter(may_say)
        .filter(|name| !options.lacks(name))
        .collect();
    let own: Vec<&str> = said
        .iter()
        .copied()
        .filter(|name| options.is_own(name))
        .collect();
    let meant = if own.is_empty() { said } else { own };
    let throttles: Vec<Option<Throttle>> = meant.iter().map(|name| read(options, name)).collect();
    if let [first, others @ ..] = &meant[..] {
        for name in others {
            let problem = Problem::error(
                format!("expected one throttle in a rule, but found `{name}` beside `{first}`"),
                format!("remove `{name}` or `{first}`: each says by itself which events start"),
            );
            options.report_value(name, problem);
        }
    } else if options.is_own("throttle_by") {
        let problem = Problem::error(
            "expected a throttle beside `throttle_by`, but found none",
            "add `once_within`, `once_after` or `threshold`, or remove `throttle_by`",
        );
        options.report_value("throttle_by", problem);
    }
    if meant == [BATCH.name] {
        for (name, why) in OF_ONE_EVENT {
            if !options.lacks(name) {
                let problem = Problem::error(
                    format!("expected no `{name}` beside `batch`, but found one: {why}"),
                    format!("remove `{name}` or `batch`"),
                );
                options.report_value(name, problem);
            }
        }
    }
    let throttle = throttles.into_iter().next()??;
    Some(Throttling { throttle, by })
}

fn read(options: &mut Options<'_>, name: &str) -> Option<Throttle> {
    let (kind, window) = match name {
        "once_within" => (
            Kind::OnceWithin,
            options.parse(name, DURATIONS, positive_duration)?,
        ),
        "once_after" => (
            Kind::OnceAfter,
            options.parse(name, DURATIONS, positive_duration)?,
        ),
        "batch" => (
            Kind::Batch,
            options.parse(name, DURATIONS, positive_duration)?,
        ),
        _ => {
            let hint = "write it like `3 within 10m`, with a number and a length of time above 0";
            let (number, window) = options.parse(name, hint, threshold)?;
            (Kind::Threshold(number), window)
        }
    };
    Some(Throttle { kind, window })
}

/// `3 within 10m`.
fn threshold(text: &str) -> Option<(u32, Duration)> {
    let (number, length) = text.split_once("within")?;
    let number: u32 = number.trim_end().parse().ok()?;
    Some((number, positive_duration(length.trim_start())?)).filter(|(number, _)| *number > 0)
}

fn throttle_by(options: &mut Options<'_>, of_leases: bool) -> Vec<PayloadPath> {
    let items = options.items_by("throttle_by", "a field's path", first_path_end);
    let Some(option) = options.get("throttle_by") else {
        return Vec::new();
    };
    let path = |(text, _)| payload_path(options, option, "throttle_by", text, of_leases);
    items.into_iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_has_a_number_and_a_window() {
        let cases = [
            ("3 within 10m", Some((3, 600_000))),
            ("1within 500 ms", Some((1, 500))),
            ("3  within  2h", Some((3, 7_200_000))),
            ("0 within 10m", None),
            ("3 within 0s", None),
            ("3 within", None),
            ("within 10m", None),
            ("3", None),
            ("3 in 10m", None),
            ("-3 within 10m", None),
            ("1.5 within 10m", None),
            ("4294967296 within 10m", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(number, window)| (number, Duration::from_millis(window)));
            assert_eq!(threshold(text), expected, "{text}");
        }
    }
}
