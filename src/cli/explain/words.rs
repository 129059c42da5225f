//! What `explain` says of a rule, in words.

use jiff::Timestamp;

use crate::cli::output::moment;
use crate::core::rules::{EventPattern, Judgement, StartAt, Step, Verdict};
use crate::core::throttle::Decision;
use crate::ops::explain::{Answer, ThrottleNow};

/// The answer in words.
pub(in crate::cli) fn reason(answer: &Answer<'_>) -> String {
    let verdict_in_words = verdict(answer);
    if !answer.cancels {
        return verdict_in_words;
    }
    let running = if answer.rule.when.cancel_running {
        "or are running "
    } else {
        ""
    };
    format!(
        "{verdict_in_words}; by `cancelled_by`, earlier runs of this rule that wait {running}are cancelled"
    )
}

/// What the rule makes of the event, in words.
fn verdict(answer: &Answer<'_>) -> String {
    let verdict = match &answer.judgement {
        Judgement::Decided(verdict) => verdict,
        Judgement::Awaits { paths, .. } => {
            return format!(
                "the lease decides, for {}: give it with --lease",
                paths.join(", ")
            );
        }
    };
    match verdict {
        Verdict::Run { key } => {
            let key = shown_key(&key.text);
            let (line, losses) = match &answer.done {
                Some(done) => (done.line.as_str(), &done.losses[..]),
                None => ("", &[][..]),
            };
            let losses = losses.iter().map(|loss| format!("; {loss}"));
            let steps = answer.rule.chain.steps().map(|step| followers(step));
            let throttle = answer.throttle.as_ref();
            format!(
                "{line}, one at a time for {key}{}{}{}{}",
                when(answer),
                losses.collect::<String>(),
                steps.collect::<String>(),
                throttle
                    .map(|throttle| throttle_now(throttle, answer.rule.when.start_at.is_some()))
                    .unwrap_or_default()
            )
        }
        Verdict::Disabled => "the rule is switched off by `enabled`".into(),
        Verdict::OtherType => {
            let types: Vec<&str> = answer
                .rule
                .events
                .iter()
                .map(EventPattern::as_str)
                .collect();
            let about = if answer.rule.events.iter().all(EventPattern::is_about_runs) {
                ": what tells of the ends of runs"
            } else {
                ""
            };
            format!("it is for {}{about}", types.join(", "))
        }
        Verdict::Refused(mismatch) => mismatch.to_string(),
        Verdict::FilterError(why) => why.clone(),
    }
}

/// Which steps follow one, in words; nothing if none do.
fn followers(step: &Step) -> String {
    let ends = [("success", &step.on_success), ("failure", &step.on_failure)];
    let follow = ends.into_iter().filter_map(|(end, next)| {
        let next = next.as_ref()?;
        Some(format!("; on {end} of [{}] follows [{next}]", step.name))
    });
    follow.collect()
}

/// When the run would start, what would cancel it, and with how many it would share; nothing, if the rule does not
/// say.
fn when(answer: &Answer<'_>) -> String {
    let when = &answer.rule.when;
    let mut told = Vec::new();
    if let Some(timing) = &answer.timing {
        let rule = when.start_at.as_ref().map_or("", StartAt::as_str);
        match &timing.start_at {
            Ok(None) => {}
            Ok(Some(start)) if *start <= Timestamp::now() => {
                told.push(format!("at once, since {start:.0} (`{rule}`) is over"));
            }
            Ok(Some(start)) => told.push(format!("at {start:.0} (`{rule}`)")),
            Err(why) => told.push(format!("never, since {why}")),
        }
        told.extend(timing.start_by.map(|by| format!("if it starts by {by:.0}")));
    }
    if !when.cancelled_by.is_empty() {
        let types: Vec<&str> = when.cancelled_by.iter().map(EventPattern::as_str).collect();
        let running = if when.cancel_running {
            ", also while it runs"
        } else {
            ""
        };
        told.push(format!("unless {} comes before{running}", types.join(", ")));
    }
    if let Some(recheck) = &when.recheck {
        told.push(if answer.has_lease {
            format!(
                "if ESI Leap shows the lease with {} when it is asked just before that (`recheck`)",
                recheck.written
            )
        } else {
            "but cancelled, since the event is about no lease, so ESI Leap cannot be asked (`recheck`)".to_owned()
        });
    }
    if let (Some(limit), Some(share)) = (when.limit, &answer.share) {
        let of = when.limit_by.as_ref().map_or_else(
            || "of the rule".to_owned(),
            |path| format!("with `{path}` {share}"),
        );
        told.push(format!("at most {limit} at once {of}"));
    }
    told.insert(0, String::new());
    told.join(", ")
}

/// What would become of another such event now, to be written behind what would be done, and when if the rule says that.
fn throttle_now(throttle: &ThrottleNow, has_time: bool) -> String {
    let ThrottleNow { throttled, decided } = throttle;
    let throttle = throttled.throttle;
    match decided {
        None => format!("; {throttle}: no journal was asked what it holds back now"),
        Some((Decision::Start, _)) if has_time => {
            format!("; {throttle}: such an event would be let through now")
        }
        Some((Decision::Start, _)) => {
            format!("; {throttle}: such an event would start at once now")
        }
        Some((Decision::StartAt(due), _)) => {
            format!(
                "; {throttle}: such an event would start at {}",
                moment(*due)
            )
        }
        Some((Decision::HoldBack(why), window)) => {
            let end = moment(window.ends_at);
            format!("; such an event would be {why}; the window ends at {end}")
        }
    }
}

fn shown_key(key: &str) -> &str {
    if key.is_empty() {
        "events without a node"
    } else {
        key
    }
}
