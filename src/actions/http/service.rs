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

    /// The body of the request for one event.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn fill(&self, message: &Template, scope: &Scope) -> Result<Filled, String> {
        let text = message.fill(scope).map_err(|error| error.to_string())?;
        if text.trim().is_empty() {
            return Err("expected text, but nothing is left of it for this event".to_owned());
        }
        let kept = self.cut(&text);
        Ok(Filled {
            is_cut: kept.is_some(),
            body: (self.body)(kept.as_deref().unwrap_or(&text)),
        })
    }

    /// As much of a text as it takes, with a mark; `None` if that is all of it.
    fn cut(&self, text: &str) -> Option<String> {
        let size = |text: &str| text.chars().map(self.size).sum::<usize>();
        if size(text) <= self.limit {
            return None;
        }
        let mut room = self.limit - size(CUT);
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

/// The body of a request.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) body: Value,
    /// Whether the message was longer than the service takes.
    pub(super) is_cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&Service; 4] = [&ROCKETCHAT, &SLACK, &MATTERMOST, &TEAMS];

    #[test]
    fn a_service_says_in_its_own_way_that_it_has_taken_a_message() {
        use Verdict::{Later, Refused, Succeeded};
        for (service, status, body, expected) in [
            (&ROCKETCHAT, 200, r#"{"success": true}"#, Succeeded),
            (
                &ROCKETCHAT,
                200,
                r#"{"success": false, "error": "invalid"}"#,
                Refused,
            ),
            (&ROCKETCHAT, 200, r#"{"success": "yes"}"#, Later(None)),
            (&ROCKETCHAT, 200, "<html>", Later(None)),
            (&ROCKETCHAT, 200, "", Later(None)),
            (&SLACK, 200, "ok", Succeeded),
            (&SLACK, 200, "ok\n", Succeeded),
            (&SLACK, 200, "<html>ok</html>", Later(None)),
            (&MATTERMOST, 200, "ok", Succeeded),
            (&MATTERMOST, 200, r#"{"id": "api.error"}"#, Later(None)),
            (&TEAMS, 202, "", Succeeded),
            (&TEAMS, 202, "anything", Succeeded),
            (&TEAMS, 200, "1", Succeeded),
            (
                &TEAMS,
                200,
                "Webhook message delivery failed with error: HTTP error 429",
                Later(None),
            ),
        ] {
            let found = (service.verdict)(status, body.as_bytes());
            assert_eq!(found, expected, "{} {status} {body}", service.name);
        }
    }

    #[test]
    fn a_message_is_cut_with_a_mark_only_if_the_service_takes_no_more() {
        for service in ALL {
            for letter in ["x", "é", "\"", "\n", "\u{1f600}"] {
                let most = service.limit / (service.size)(letter.chars().next().unwrap());
                assert_eq!(service.cut(&letter.repeat(most)), None);
                let cut = service.cut(&letter.repeat(most + 1)).unwrap();
                let size: usize = cut.chars().map(service.size).sum();
                assert!(
                    cut.ends_with(CUT) && size <= service.limit && size + 8 > service.limit,
                    "{} {size}",
                    service.name
                );
            }
        }
    }

    #[test]
    fn the_longest_card_is_one_that_teams_takes() {
        for letter in ["x", "\"", "\n", "\u{1f600}"] {
            let text = letter.repeat(30_000);
            let body = card(&TEAMS.cut(&text).unwrap()).to_string();
            assert!((23_900..28_000).contains(&body.len()), "{}", body.len());
        }
    }

    #[test]
    fn a_message_is_sent_as_the_service_reads_it() {
        let scope = Value::from("a\n<b>");
        let scope = Scope::new([("value", &scope)]);
        let bodies = ALL.map(|service| {
            let message = Template::parse("*{{ value }}*", service.place()).unwrap();
            service.fill(&message, &scope).unwrap().body
        });
        let texts = [
            bodies[0]["text"].as_str(),
            bodies[1]["text"].as_str(),
            bodies[2]["text"].as_str(),
            bodies[3]["attachments"][0]["content"]["body"][0]["text"].as_str(),
        ];
        let expected = [
            "*a\n<\u{200b}b>*",
            "*a\n&lt;b&gt;*",
            "*a\n<\u{200b}b>*",
            "*a\n\n<\u{200b}b>*",
        ];
        assert_eq!(texts, expected.map(Some));
        let blank = Template::parse("{% if false %}x{% endif %}", SLACK.place()).unwrap();
        let why = SLACK.fill(&blank, &scope).unwrap_err();
        assert!(why.contains("nothing is left"), "{why}");
    }
}
