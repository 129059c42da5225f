//! What is different from one chat service to another: how a message is sent, how long it may be, and what an answer
//! means. Pure.

use serde_json::{Value, json};

use crate::actions::answer::Verdict;
use crate::core::template::{Markup, Place, Scope, Template};

/// At the end of a message that was longer.
const CUT: &str = "… (cut)";

/// A chat service, as its webhooks are.
#[derive(Debug)]
pub(super) struct Service {
    /// What `action` says.
    pub(super) name: &'static str,
    /// How it reads text.
    markup: Markup,
    /// How much it takes, as `size` counts.
    limit: usize,
    /// What a character counts.
    size: fn(char) -> usize,
    /// The body of the request.
    body: fn(&str) -> Value,
    /// The statuses of a message that was taken.
    pub(super) success: &'static [u16],
    /// What the body of such an answer means, which may be a failure all the same.
    pub(super) verdict: fn(u16, &[u8]) -> Verdict,
    /// What it has to say, in words.
    pub(super) expected: &'static str,
}

/// A message is at most what `Message_MaxAllowedSize` says when nobody has changed it.
pub(super) const ROCKETCHAT: Service = Service {
    name: "rocketchat",
    markup: Markup::RocketChat,
    limit: 5_000,
    size: |_| 1,
    body: |text| json!({"text": text}),
    success: &[200],
    verdict: |_, body| match success(body) {
        Some(true) => Verdict::Succeeded,
        Some(false) => Verdict::Refused,
        // Something in between has answered.
        None => Verdict::Later(None),
    },
    expected: "`\"success\": true`",
};

/// Slack cuts what is longer, without a mark.
pub(super) const SLACK: Service = Service {
    name: "slack",
    markup: Markup::Slack,
    limit: 40_000,
    size: |_| 1,
    body: |text| json!({"text": text}),
    success: &[200],
    verdict: ok,
    expected: "`ok`",
};

/// Mattermost makes several posts of what is longer.
pub(super) const MATTERMOST: Service = Service {
    name: "mattermost",
    markup: Markup::Markdown,
    limit: 16_383,
    size: |_| 1,
    body: |text| json!({"text": text}),
    success: &[200],
    verdict: ok,
    expected: "`ok`",
};

/// Workflows answer 202. The connectors before them answered 200 whatever came of it, and `1` if it was good. Either
/// takes 28 KB, of which the card needs some.
pub(super) const TEAMS: Service = Service {
    name: "teams",
    markup: Markup::Markdown,
    limit: 24_000,
    size: |character| match character {
        // A paragraph, see below: two of them, each of two characters.
        '\n' => 4,
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        _ => character.len_utf8(),
    },
    body: card,
    success: &[200, 202],
    verdict: |status, body| {
        if status == 202 || body.trim_ascii() == b"1" {
            Verdict::Succeeded
        } else {
            Verdict::Later(None)
        }
    },
    expected: "`1`",
};

/// What Rocket.Chat says of it, if this is its answer.
fn success(body: &[u8]) -> Option<bool> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.get("success")?.as_bool()
}

fn ok(_: u16, body: &[u8]) -> Verdict {
    if body.trim_ascii() == b"ok" {
        Verdict::Succeeded
    } else {
        Verdict::Later(None)
    }
}

/// A message with one adaptive card, which is all that a workflow takes. In its text a single line end is a blank.
fn card(text: &str) -> Value {
    let text = text.replace('\n', "\n\n");
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [{"type": "TextBlock", "text": text, "wrap": true}],
            },
        }],
    })
}

impl Service {
    /// Where a template stands that is a message for it.
    pub(super) fn place(&self) -> Place {
        Place::Chat(self.markup)
    }

    /// The body of the request for one event, or for a batch: a line or more for each event, as far as there is room.
    ///
    /// # Errors
    /// Why there is none, in words: why nothing can be said of the first event of which nothing can be said.
    pub(super) fn fill(
        &self,
        message: &Template,
        scope: &Scope,
        others: &Others,
    ) -> Result<Filled, String> {
        let events = 1 + others.scopes.len() as u64 + others.counted;
        let is_batch = events > 1;
        let mut room = self.limit;
        if is_batch {
            room -= self.size(&unnamed(events));
        }
        let (mut text, mut named, mut is_cut, mut is_full) = (String::new(), 0, false, false);
        let mut first_failure = None;
        for scope in std::iter::once(scope).chain(&others.scopes) {
            let line = match line(message, scope) {
                Ok(line) if named == 0 => line,
                Ok(line) => format!("\n{line}"),
                Err(why) => {
                    first_failure.get_or_insert(why);
                    continue;
                }
            };
            match self.cut(&line, room) {
                None => text.push_str(&line),
                Some(begin) if named == 0 => {
                    text = begin;
                    (is_cut, is_full) = (true, true);
                }
                Some(_) => break,
            }
            room -= self.size(&line).min(room);
            named += 1;
            if is_full {
                break;
            }
        }
        match first_failure {
            Some(why) if named == 0 => return Err(why),
            _ => {}
        }
        if named < events {
            text.push_str(&unnamed(events - named));
        }
        let failure =
            first_failure.map_or_else(String::new, |why| format!("; of one it cannot: {why}"));
        let told_of = format!("; the message is of {events} events, and tells of {named}{failure}");
        Ok(Filled {
            is_cut,
            body: (self.body)(&text),
            told_of: if is_batch { told_of } else { String::new() },
        })
    }

    fn size(&self, text: &str) -> usize {
        text.chars().map(self.size).sum()
    }

    /// As much of a text as there is room for, with a mark; `None` if that is all of it.
    fn cut(&self, text: &str, room: usize) -> Option<String> {
        if self.size(text) <= room {
            return None;
        }
        let mut room = room.saturating_sub(self.size(CUT));
        let end = text.char_indices().find(|(_, character)| {
            let size = (self.size)(*character);
            let fits = size <= room;
            room -= size.min(room);
            !fits
        });
        let end = end.map_or(text.len(), |(end, _)| end);
        Some(format!("{}{CUT}", &text[..end]))
    }
}

/// What is said of one event.
fn line(message: &Template, scope: &Scope) -> Result<String, String> {
    let text = message.fill(scope).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Err("expected text, but nothing is left of it for this event".to_owned());
    }
    Ok(text)
}

/// At the end of a message of which so many events are not named.
fn unnamed(number: u64) -> String {
    format!("\n… and {number} more")
}

/// The other events of a message.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// What the template sees for each.
    pub(super) scopes: Vec<Scope>,
    /// How many there are besides, which are only counted.
    pub(super) counted: u64,
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) body: Value,
    /// Whether the message was longer than the service takes.
    pub(super) is_cut: bool,
    /// Of how many events it tells, if it is of several.
    pub(super) told_of: String,
}

#[cfg(test)]
mod tests;
