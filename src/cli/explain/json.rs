//! What `explain` says of a rule, for programs.

use serde_json::json;

use super::words::reason;
use crate::actions::Description;
use crate::core::rules::{EventPattern, Finding, How, Judgement, Timing, Verdict};
use crate::core::throttle::Decision;
use crate::ops::explain::{Answer, ThrottleNow};

/// All of it.
pub(in crate::cli) fn as_json(answer: &Answer<'_>) -> serde_json::Value {
    let word = match &answer.judgement {
        Judgement::Awaits { .. } => "awaits_lease",
        Judgement::Decided(Verdict::Run { .. }) => "run",
        Judgement::Decided(Verdict::Disabled) => "disabled",
        Judgement::Decided(Verdict::OtherType) => "other_type",
        Judgement::Decided(Verdict::Refused(_)) => "refused",
        Judgement::Decided(Verdict::FilterError(_)) => "undecidable",
    };
    let mut shown = json!({"rule": answer.rule.name, "verdict": word, "why": reason(answer)});
    if !answer.findings.is_empty() {
        let filters = answer.findings.iter().map(filter_as_json);
        shown["filters"] = filters.collect();
    }
    if let Some(Description {
        whole: (name, whole),
        losses,
        ..
    }) = &answer.done
    {
        shown[*name] = whole.clone();
        shown["losses"] = losses.as_slice().into();
    }
    if let Judgement::Decided(Verdict::Run { key }) = &answer.judgement {
        let steps = answer.rule.chain.steps().map(|step| {
            json!({"step": step.name, "on_success": step.on_success, "on_failure": step.on_failure})
        });
        if answer.rule.chain.steps().nth(1).is_some() {
            shown["steps"] = steps.collect();
        }
        shown["key"] = key.text.as_str().into();
        let when = &answer.rule.when;
        if let Some(Timing { start_at, start_by }) = &answer.timing {
            if let Ok(Some(start_at)) = start_at {
                shown["start_at"] = start_at.to_string().into();
            }
            if let Some(start_by) = start_by {
                shown["start_by"] = start_by.to_string().into();
            }
        }
        if !when.cancelled_by.is_empty() {
            let types = when.cancelled_by.iter().map(EventPattern::as_str);
            shown["cancelled_by"] = types.collect();
        }
        if let Some(recheck) = &when.recheck {
            shown["recheck"] = recheck.written.clone();
        }
        if let Some(limit) = when.limit {
            shown["limit"] = limit.into();
            shown["limit_by"] = answer.share.as_deref().into();
        }
    }
    if answer.cancels {
        shown["cancels"] = true.into();
    }
    if let Some(throttle) = &answer.throttle {
        shown["throttle"] = throttle_json(throttle);
    }
    shown
}

fn filter_as_json(finding: &Finding) -> serde_json::Value {
    let mut shown = json!({
        "path": finding.path, "operator": finding.operator, "wanted": finding.wanted,
        "found": finding.found, "holds": finding.holds.as_ref().ok(),
        "compared_as": finding.how.and_then(How::compared),
        "how": finding.how.map(|how| how.to_string()),
    });
    if let Some(number) = finding.alternative {
        shown["filter_any"] = number.into();
    }
    if let Err(why) = &finding.holds {
        shown["how"] = why.as_str().into();
    }
    shown
}

fn throttle_json(throttle: &ThrottleNow) -> serde_json::Value {
    let ThrottleNow { throttled, decided } = throttle;
    let group = throttled.group.as_ref().map(|group| &group.text);
    let mut shown = json!({"throttle": throttled.throttle.to_string(), "group": group});
    if let Some((decision, window)) = decided {
        let (word, reason) = match decision {
            Decision::Start => ("starts", None),
            Decision::StartAt(_) => ("scheduled", None),
            Decision::HoldBack(why) => ("held_back", Some(why)),
        };
        shown["now"] = word.into();
        shown["reason"] = json!(reason);
        shown["window_ends_at"] = window.ends_at.to_string().into();
        shown["events"] = window.events.into();
    }
    shown
}
