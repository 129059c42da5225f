//! `explain`: what would run for an event, and why not.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Places;
use super::inputs::{ask, block_on, failed_to_read};
use super::output::{Format, cell, moment, print_json, print_line, table};
use crate::actions::Description;
use crate::app::parts::{Config, FORMS};
use crate::cli::report::{Exit, Failure};
use crate::core::event::Event;
use crate::core::printable::printable;
use crate::core::rules::{EventPattern, Finding, Given, How, StartAt, Step, Timing, Verdict};
use crate::core::store::Values;
use crate::core::throttle::Decision;
use crate::journal::{QuarantineId, with_values};
use crate::ops::explain::{
    Answer, Judgement, NoEvent, NoLease, ThrottleNow, ask_throttles, explain, in_journal,
    in_quarantine, with_lease,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with a notification as it is on the wire, a row of the event history as `openstack esi
    /// event list --format json` prints it, or an event as scripts read it; `-` for standard input;
    /// or the id of an event in the journal
    #[arg(
        required_unless_present = "quarantined",
        conflicts_with = "quarantined"
    )]
    event: Option<String>,

    /// The number of a delivery in quarantine, instead of an event
    #[arg(long, value_name = "NUMBER")]
    quarantined: Option<QuarantineId>,

    /// A file with the lease that the row is about, as `openstack esi lease show --format json`
    /// prints it
    #[arg(long, value_name = "FILE")]
    lease: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(places: &Places, args: &Args) -> Result<Exit, Failure> {
    let config = places.load()?;
    let event = find(places, args)?;
    let mut answers = answers(places, &config, &event)?;
    // Without a journal nothing has been counted yet, which is told.
    if answers.iter().any(|answer| answer.throttle.is_some())
        && let Ok(journal) = places.journal()
    {
        block_on(ask_throttles(&journal, &mut answers, Timestamp::now()))??;
    }
    if args.format == Format::Json {
        let rules: Vec<_> = answers.iter().map(as_json).collect();
        return print_json(&json!({"id": event.id, "type": event.event_type, "rules": rules}));
    }
    let mut table = table(&["rule", "runs", "why"]);
    for answer in &answers {
        let runs = match answer.judgement {
            Judgement::Decided(Verdict::Run { .. }) => "yes",
            Judgement::Decided(_) => "no",
            Judgement::AwaitsLease(_) => "perhaps",
        };
        table.add_row([cell(&answer.rule.name), cell(runs), cell(&reason(answer))]);
    }
    let head = format!(
        "event {} of type {}, sent {}",
        event.id, event.event_type, event.time
    );
    print_line(&printable(head.as_bytes()))?;
    print_line(&table.to_string())?;
    let filters = filters(&answers);
    filters.map_or(Ok(Exit::Success), |filters| {
        print_line("")?;
        print_line(&filters.to_string())
    })
}

/// What each filter found, of the rules that have operators: the first that refuses is not all there is to say.
fn filters(answers: &[Answer<'_>]) -> Option<comfy_table::Table> {
    let has_more = |finding: &Finding| finding.operator.is_some() || finding.alternative.is_some();
    let mut answers = answers
        .iter()
        .filter(|answer| answer.findings.iter().any(has_more))
        .peekable();
    answers.peek()?;
    let mut table = table(&["rule", "path", "wanted", "found", "how", "holds"]);
    for answer in answers {
        for finding in &answer.findings {
            let path = match finding.alternative {
                Some(number) => format!("{} (filter_any {number})", finding.path),
                None => finding.path.clone(),
            };
            let wanted = match finding.operator {
                Some(operator) => format!("{operator} {}", finding.wanted),
                None => finding.wanted.clone(),
            };
            let how = finding.how.map(|how| how.to_string()).unwrap_or_default();
            let (how, holds) = match &finding.holds {
                Ok(true) => (how, "yes"),
                Ok(false) => (how, "no"),
                Err(why) => (why.clone(), "undecidable"),
            };
            let cells = [
                &answer.rule.name,
                &path,
                &wanted,
                &finding.found,
                &how,
                holds,
            ];
            table.add_row(cells.map(cell));
        }
    }
    Some(table)
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

/// What each rule makes of the event. The journal is looked into only if one asks for values of the store.
fn answers<'a>(
    places: &Places,
    config: &'a Config,
    event: &Event,
) -> Result<Vec<Answer<'a>>, Failure> {
    let now = Timestamp::now();
    let explain = |values: &Arc<Values>| {
        let stored = &**values;
        let given = Given { now, stored };
        explain(
            &config.rules,
            &config.actions,
            &FORMS,
            event,
            &given,
            values,
        )
    };
    let values = Arc::default();
    let answers = explain(&values);
    if values.missing().is_empty() {
        return Ok(answers);
    }
    let journal = places
        .journal()
        .map_err(|failure| failure.during("failed to look up values of the store"))?;
    let at_once = CancellationToken::new();
    at_once.cancel();
    ask(with_values(&journal, &at_once, explain))
}

/// The answer in words.
fn reason(answer: &Answer<'_>) -> String {
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
        Judgement::AwaitsLease(paths) => {
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
            format!("it is for {}", types.join(", "))
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
        None => format!("; {throttle}: there is no journal that could say what it holds back"),
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

/// The same for machines.
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

fn as_json(answer: &Answer<'_>) -> serde_json::Value {
    let word = match &answer.judgement {
        Judgement::AwaitsLease(_) => "awaits_lease",
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

fn shown_key(key: &str) -> &str {
    if key.is_empty() {
        "events without a node"
    } else {
        key
    }
}

/// The event that the arguments name.
fn find(places: &Places, args: &Args) -> Result<Event, Failure> {
    let argument = args.event.as_deref().unwrap_or_default();
    let event = if let Some(id) = args.quarantined {
        find_in_quarantine(places, id)?
    } else if argument != "-" && !Path::new(argument).exists() {
        find_in_journal(places, argument)?
    } else {
        let body = read("the event", argument)?;
        (FORMS.read)(&body).map_err(|why| no_event(argument, &why))?
    };
    let Some(file) = &args.lease else {
        return Ok(event);
    };
    let file = file.display().to_string();
    with_lease(&FORMS, &event, &read("the lease", &file)?).map_err(|none| match none {
        NoLease::Unreadable(why) => Failure::new(
            Exit::Failed,
            &format!("failed to read a lease from {file}: {why}"),
            "give what `openstack esi lease show UUID --format json` prints",
        ),
        NoLease::NotNeeded => Failure::new(
            Exit::Usage,
            "a notification has its lease within it",
            "leave --lease out, or give a row of the event history",
        ),
    })
}

fn read(what: &str, file: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().read_to_end(&mut body),
        file => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut body)),
    };
    read.map_err(|error| failed_to_read(what, file, &error, "name a file that is there"))?;
    Ok(body)
}

fn find_in_journal(places: &Places, id: &str) -> Result<Event, Failure> {
    let journal = places.journal().map_err(|failure| {
        failure.during(&format!(
            "there is no file `{id}`, and no event of that id can be looked for"
        ))
    })?;
    let event = block_on(in_journal(&journal, id))?.map_err(|none| match none {
        NoEvent::Journal(error) => error.into(),
        NoEvent::Unreadable(why) => no_event(id, &why),
    })?;
    event.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            &format!("there is neither a file `{id}` nor an event of that id in the journal"),
            "`esi-event-actions runs list --format json` shows the ids of events; events that \
             concern no rule are not kept",
        )
    })
}

fn find_in_quarantine(places: &Places, id: QuarantineId) -> Result<Event, Failure> {
    let journal = places.journal()?;
    block_on(in_quarantine(&journal, &FORMS, id))?.map_err(|none| match none {
        NoEvent::Journal(error) => error.into(),
        NoEvent::Unreadable(why) => Failure::new(
            Exit::Failed,
            &format!(
                "failed to read an event from the quarantined delivery {id}: {}",
                printable(why.as_bytes())
            ),
            &format!("`esi-event-actions quarantine show {id}` shows what is kept of it"),
        ),
    })
}

fn no_event(argument: &str, why: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        &format!("failed to read an event from {argument}: {why}"),
        "give a notification as it is on the wire, one row of the event history, or an event as a \
         script reads it",
    )
}

#[cfg(test)]
mod tests;
