//! How chat services read text, and how a value is written so that they read nothing into it. Pure.
//!
//! None of them has a complete way to escape. So what would begin a mention, a link or a format is taken apart by a
//! character that nobody sees (U+200B), where escaping is not enough or differs between versions of the service.

use crate::core::printable::deceives;

/// How a chat service reads text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// Rocket.Chat's, in which a backslash escapes only some characters.
    RocketChat,
    /// Slack's `mrkdwn`: three entities, and no escape for anything else.
    Slack,
    /// Markdown as in `CommonMark`: Mattermost, Teams.
    Markdown,
}

/// Seen by nobody, and a part of no word.
const BREAK: char = '\u{200b}';

/// Names that mean many people, where the operator's text has the character before them.
const EVERYBODY: [&str; 5] = ["all", "channel", "everyone", "group", "here"];

impl Markup {
    /// What a backslash escapes, among the characters that have a meaning.
    fn escapable(self) -> &'static str {
        match self {
            Self::RocketChat => "*_~`#",
            Self::Slack => "",
            Self::Markdown => "\\*_~`[]|",
        }
    }

    /// What may have nothing behind it that it could be read together with.
    fn leading(self) -> &'static str {
        match self {
            Self::RocketChat => "@#<[]",
            Self::Slack => "@#*_~`",
            Self::Markdown => "@#<~&",
        }
    }

    /// The same, of what stands before it.
    fn trailing(self) -> &'static str {
        match self {
            Self::Slack => "*_~`",
            Self::RocketChat | Self::Markdown => "",
        }
    }

    fn entity(self, character: char) -> Option<&'static str> {
        match (self, character) {
            (Self::Slack, '&') => Some("&amp;"),
            (Self::Slack, '<') => Some("&lt;"),
            (Self::Slack, '>') => Some("&gt;"),
            _ => None,
        }
    }

    /// The value, to be shown as it is: it mentions nobody, links nowhere, and has no format.
    pub(super) fn escape(self, value: &str) -> String {
        let value = value.replace("\r\n", "\n");
        let mut escaped = String::with_capacity(value.len() + 16);
        let mut before = None;
        if means_everybody(&value) {
            escaped.push(BREAK);
        }
        for (at, character) in value.char_indices() {
            let rest = &value[at + character.len_utf8()..];
            let next = rest.chars().next();
            if matches!(before, None | Some('\n' | '\r')) && begins_block(&value[at..]) {
                escaped.push(BREAK);
            }
            match character {
                '\r' => escaped.push('\n'),
                '\n' | '\t' => escaped.push(character),
                _ if character.is_control() || deceives(character) => escaped.push('\u{fffd}'),
                '_' if is_in_word(before, next) => escaped.push(character),
                _ => self.push(&mut escaped, character),
            }
            if joins(before, character, next) {
                escaped.push(BREAK);
            }
            before = Some(character);
        }
        escaped
    }

    fn push(self, escaped: &mut String, character: char) {
        if self.trailing().contains(character) {
            escaped.push(BREAK);
        }
        if self.escapable().contains(character) {
            escaped.push('\\');
        }
        match self.entity(character) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(character),
        }
        if self.leading().contains(character) {
            escaped.push(BREAK);
        }
    }
}

/// Whether a value begins with a name for many people.
fn means_everybody(value: &str) -> bool {
    let end = value.find(|c: char| !c.is_alphanumeric());
    let word = &value[..end.unwrap_or(value.len())];
    EVERYBODY.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// Whether a line that begins so is more than a line: a quotation, an item of a list, a rule, code.
fn begins_block(line: &str) -> bool {
    if line.starts_with("    ") || line.starts_with('\t') {
        return true;
    }
    let line = line.trim_start_matches(' ');
    let behind = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.len() < line.len() {
        let behind = behind.strip_prefix(['.', ')']);
        return behind.is_some_and(|text| text.is_empty() || text.starts_with(char::is_whitespace));
    }
    let mut characters = line.chars();
    match (characters.next(), characters.next()) {
        (Some('>'), _) => true,
        (Some(mark @ ('-' | '+' | '=')), next) => {
            next.is_none_or(|next| next == mark || next.is_whitespace())
        }
        _ => false,
    }
}

/// Whether an underscore stands within a word, as in most names, where it formats nothing.
fn is_in_word(before: Option<char>, next: Option<char>) -> bool {
    [before, next]
        .into_iter()
        .all(|side| side.is_some_and(char::is_alphanumeric))
}

/// Whether a character makes an address of what is on both sides: `https://`, `www.example.org`. At the ends of a
/// value anything may follow or have come before.
fn joins(before: Option<char>, character: char, next: Option<char>) -> bool {
    match character {
        ':' => next.is_none_or(|next| next == '/'),
        '.' => before.is_none_or(char::is_alphanumeric) && next.is_none_or(char::is_alphabetic),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Markup; 3] = [Markup::RocketChat, Markup::Slack, Markup::Markdown];

    /// With a `^` for each break.
    fn shown(markup: Markup, value: &str) -> String {
        markup.escape(value).replace(BREAK, "^")
    }

    #[test]
    fn what_names_and_times_consist_of_stays_as_it_is() {
        for value in [
            "",
            "gpu-1",
            "rack_3_gpu_1",
            "10.0.0.1",
            "2026-01-15T12:00:00.5Z",
            "-5",
            "1.5",
            "94e02d82-5f2b",
            "it works, 100 % (twice)!",
            "grüße 你好",
            "allocation",
        ] {
            for markup in ALL {
                assert_eq!(markup.escape(value), value, "{markup:?}");
            }
        }
    }

    #[test]
    fn a_value_mentions_nobody_links_nowhere_and_has_no_format() {
        for (value, rocketchat, slack, markdown) in [
            ("@all", "@^all", "@^all", "@^all"),
            ("a@b", "a@^b", "a@^b", "a@^b"),
            // Behind an `@`, a `<!` of the operator's.
            ("All!", "^All!", "^All!", "^All!"),
            ("#ops", r"\#^ops", "#^ops", "#^ops"),
            ("~ops", r"\~ops", "^~^ops", r"\~^ops"),
            ("<!here>", "<^!here>", "&lt;!here&gt;", "<^!here>"),
            (
                "<http://h|x>",
                "<^http:^//h|x>",
                "&lt;http:^//h|x&gt;",
                r"<^http:^//h\|x>",
            ),
            ("www.a.org", "www.^a.^org", "www.^a.^org", "www.^a.^org"),
            ("http:", "http:^", "http:^", "http:^"),
            ("[t](u)", "[^t]^(u)", "[t](u)", r"\[t\](u)"),
            ("![t](u)", "![^t]^(u)", "![t](u)", r"!\[t\](u)"),
            ("*b* _i_", r"\*b\* \_i\_", "^*^b^*^ ^_^i^_^", r"\*b\* \_i\_"),
            ("`c`", r"\`c\`", "^`^c^`^", r"\`c\`"),
            ("C:\\d", "C:\\d", "C:\\d", "C:\\\\d"),
            ("&lt;", "&lt;", "&amp;lt;", "&^lt;"),
            ("> q", "^> q", "^&gt; q", "^> q"),
            (
                "a\n- b\r\n1. c",
                "a\n^- b\n^1. c",
                "a\n^- b\n^1. c",
                "a\n^- b\n^1. c",
            ),
            (
                "a\n---\n    c",
                "a\n^---\n^    c",
                "a\n^---\n^    c",
                "a\n^---\n^    c",
            ),
            (
                "\x1b[\u{202e}x\0",
                "\u{fffd}[^\u{fffd}x\u{fffd}",
                "\u{fffd}[\u{fffd}x\u{fffd}",
                "\u{fffd}\\[\u{fffd}x\u{fffd}",
            ),
        ] {
            let found = ALL.map(|markup| shown(markup, value));
            assert_eq!(found, [rocketchat, slack, markdown], "{value:?}");
        }
    }

    proptest! {
        /// Whatever values stand next to each other.
        #[test]
        fn no_mention_and_no_address_is_left(values in prop::collection::vec("[@<!>a.:/lw#h \n]{0,5}", 1..4)) {
            for markup in ALL {
                let text: String = values.iter().map(|value| markup.escape(value)).collect();
                for (begin, why) in [("@", "a mention"), ("#", "a channel"), ("<", "a link")] {
                    let mut behind = text.split(begin).skip(1);
                    prop_assert!(behind.all(|rest| rest.starts_with(BREAK)), "{why} in {text:?}");
                }
                prop_assert!(!text.contains("://"), "{text:?}");
                let is_joined = |three: &[char]| {
                    three[1] == '.' && three[0].is_alphanumeric() && three[2].is_alphabetic()
                };
                let characters: Vec<char> = text.chars().collect();
                prop_assert!(!characters.windows(3).any(is_joined), "{text:?}");
            }
        }
    }
}
