//! What a script would be called with, for people to look at.

use super::Script;
use super::arguments::Arguments;
use super::call::room_beside;
use crate::actions::Description;
use crate::core::event::Event;
use crate::core::store::Values;

pub(super) fn describe(script: &Script, event: &Event, values: &Values) -> Description {
    let mut words = script.words.clone();
    let texts = words.iter().chain([&event.id, &event.event_type]);
    let Arguments { texts, losses } =
        script.arguments(event, values, room_beside(texts.map(String::as_str)));
    words.extend(texts);
    Description {
        line: quoted(&words),
        whole: ("command", words.into()),
        losses: losses.iter().map(ToString::to_string).collect(),
    }
}

/// Quoted like for a shell.
fn quoted(words: &[String]) -> String {
    let quoted = words.iter().map(|word| match shlex::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        // Only a NUL cannot be quoted; no process would take it either.
        Err(_) => format!("{word:?}"),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
