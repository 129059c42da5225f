//! The end of a run, or what an attempt made → an event, decided as those of any source.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Dispatch;
use super::under_way::UnderWay;
use crate::core::event::{Event, MadeBy, MadeEvent, OF_RUNS, type_of_end};
use crate::core::rules::{Given, RuleSet};
use crate::crash::{self, Point};
use crate::engine::intake::{Decision, tell};
use crate::journal::{
    Announced, Announcement, Content, Entry, Journal, JournalError, RunEnd, stored,
};
use crate::sources::Arrival;

impl<J: Journal> Dispatch<J> {
    /// Says which ends of runs these rules want to be told of, unless the journal knows.
    pub(super) async fn announce_ends(
        &self,
        rules: &RuleSet,
        under_way: &mut UnderWay,
    ) -> Result<(), JournalError> {
        if under_way.told_ends.as_deref() != Some(rules.told_ends()) {
            let ends = rules.told_ends().to_vec();
            self.journal.announce_ends(ends.clone()).await?;
            under_way.told_ends = Some(ends);
        }
        Ok(())
    }

    /// Has the journal accept what the rules in force make of these announcements, in one commit.
    pub(super) async fn announce(
        &self,
        announcements: Vec<Announcement>,
    ) -> Result<(), JournalError> {
        let (rules, now) = (self.rules.current(), Timestamp::now());
        let values = stored(&self.journal, rules.stored_names(), now).await?;
        let given = Given {
            now,
            stored: &values,
        };
        let announced = announcements.into_iter().map(|announcement| Announced {
            id: announcement.id,
            entries: decide(&rules, announcement, &given),
        });
        let announced: Arc<[Announced]> = announced.collect();
        crash::point(Point::AnnouncementDecided);
        let accepted = self.journal.announce(announced.clone(), now).await?;
        crash::point(Point::Announced);
        for (one, accepted) in announced.iter().zip(&accepted) {
            one.entries.iter().zip(accepted).for_each(tell);
        }
        Ok(())
    }
}

/// What is to be accepted for an announcement: nothing, if no rule is for such an event.
fn decide(rules: &RuleSet, announcement: Announcement, given: &Given<'_>) -> Vec<Entry> {
    let arrival = Arrival::whole(event_of(announcement));
    let decision = Decision::of(rules, arrival, given);
    decision.map_or_else(Vec::new, |decision| decision.into_entries(OF_RUNS))
}

/// The event that an announcement comes to. Its id is that of the run and of the announcement: a run that is retried
/// ends again.
fn event_of(announcement: Announcement) -> Event {
    let Announcement {
        id,
        run,
        rule,
        key,
        lease,
        event,
        at,
        content,
    } = announcement;
    let of_run: Option<Event> = serde_json::from_str(&event).ok();
    let is_end = matches!(content, Content::End(_));
    let of_run = of_run.as_ref();
    let made_by = MadeBy {
        run,
        depth: of_run.map_or(0, Event::depth).saturating_add(1),
        key: key.clone(),
        lease,
        after_end: is_end || of_run.is_some_and(Event::is_after_end),
    };
    let MadeEvent {
        event_type,
        payload,
    } = match content {
        Content::Made(made) => made,
        Content::End(end) => MadeEvent {
            event_type: type_of_end(end.state).unwrap_or_default().to_owned(),
            payload: json!({
                "rule": rule,
                "run": run,
                "key": key.text,
                "outcome": outcome(&end),
                "output": String::from_utf8_lossy(&end.output),
                "event": of_run.map_or(Value::Null, |event| json!(event)),
            }),
        },
    };
    let id = format!("{run}-{id}");
    Event::new(id, event_type, at.to_string(), None, payload).with_maker(made_by)
}

/// Why the run ended so, in the words of `runs list`.
fn outcome(end: &RunEnd) -> String {
    let RunEnd {
        reason, outcome, ..
    } = end;
    let of_attempt = outcome.as_ref().map(ToString::to_string);
    reason.clone().or(of_attempt).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Key;
    use crate::core::run::{Outcome, State};

    fn announcement(event: &Event, content: Content) -> Announcement {
        Announcement {
            id: 4,
            run: 17,
            rule: "deploy".to_owned(),
            key: Key::node("n"),
            lease: Some("l".to_owned()),
            event: event.to_json(),
            at: "2026-11-21T08:50:08Z".parse().unwrap(),
            content,
        }
    }

    fn sent() -> Event {
        let payload = json!({"uuid": "l", "node_uuid": "n", "size": 1.10});
        Event::new(
            "1".into(),
            "esi_leap.lease.x".into(),
            "now".into(),
            None,
            payload,
        )
    }

    #[test]
    fn the_end_of_a_run_tells_what_ended_how_and_of_what_event() {
        let end = |state, reason: Option<&str>, outcome| {
            Content::End(RunEnd {
                state,
                reason: reason.map(str::to_owned),
                outcome,
                output: b"half of \xc3".to_vec(),
            })
        };
        let failed = || Some(Outcome::exited(3));
        for (content, event_type, outcome) in [
            (
                end(State::Succeeded, None, Some(Outcome::exited(0))),
                "run.succeeded",
                "exit status 0",
            ),
            (
                end(State::Discarded, None, failed()),
                "run.discarded",
                "exit status 3",
            ),
            (
                end(
                    State::Discarded,
                    Some("[a] failed, handled by [b]"),
                    failed(),
                ),
                "run.discarded",
                "[a] failed, handled by [b]",
            ),
            (
                end(State::Cancelled, Some("too old"), None),
                "run.cancelled",
                "too old",
            ),
        ] {
            let event = event_of(announcement(&sent(), content));
            assert_eq!((&*event.event_type, &*event.id), (event_type, "17-4"));
            assert_eq!(event.time, "2026-11-21T08:50:08Z");
            assert_eq!((event.key(), event.lease()), (Key::node("n"), Some("l")));
            assert_eq!((event.depth(), event.is_after_end()), (1, true));
            let expected = json!({
                "rule": "deploy", "run": 17, "key": "n", "outcome": outcome,
                "output": "half of \u{fffd}", "event": sent(),
            });
            assert_eq!(event.payload, expected);
        }
    }

    #[test]
    fn what_an_attempt_made_is_one_deeper_and_still_of_the_end_that_it_comes_of() {
        let made = || {
            Content::Made(MadeEvent {
                event_type: "node.ready".into(),
                payload: json!({"a": 1}),
            })
        };
        let first = event_of(announcement(&sent(), made()));
        assert_eq!(
            (&*first.event_type, &first.payload),
            ("node.ready", &json!({"a": 1}))
        );
        assert_eq!((first.depth(), first.is_after_end()), (1, false));
        let second = event_of(announcement(&first, made()));
        assert_eq!((second.depth(), second.is_after_end()), (2, false));
        let made_by = MadeBy {
            after_end: true,
            ..first.made_by().unwrap().clone()
        };
        let after_end = event_of(announcement(&sent().with_maker(made_by), made()));
        assert_eq!((after_end.depth(), after_end.is_after_end()), (2, true));
    }

    #[test]
    fn an_event_that_cannot_be_read_costs_no_more_than_itself() {
        let unreadable = Announcement {
            event: "{".to_owned(),
            ..announcement(
                &sent(),
                Content::End(RunEnd {
                    state: State::Cancelled,
                    reason: None,
                    outcome: None,
                    output: Vec::new(),
                }),
            )
        };
        let event = event_of(unreadable);
        assert_eq!((&event.payload["event"], event.depth()), (&Value::Null, 1));
    }
}
