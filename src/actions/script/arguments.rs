//! The values of an event as arguments that a process can take. Pure.
//!
//! What a tenant writes must not keep a script from running. So a NUL, at which an argument would end,
//! becomes the replacement character, and what is too long becomes the empty argument, like a value
//! that is missing. Standard input has all of it in any case.

use std::fmt;

use super::Script;
use crate::core::event::{Event, Text};
use crate::core::store::Values;

/// The most that Linux takes as one argument or variable: 128 KiB with the NUL behind it.
pub(super) const LONGEST: usize = 128 * 1024 - 1;

/// What an argument costs beside its text: the NUL behind it, and its address.
pub(super) const BESIDE: usize = 1 + 8;

/// The arguments for an event, and what was lost of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// One for each of `script_params`, in order.
    pub(super) texts: Vec<String>,
    /// What is not as it was in the event, in the order in which it was found.
    pub(super) losses: Vec<Loss>,
}

/// A value that no process can take as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    /// The parameter's path.
    pub(super) parameter: String,
    /// What is lost of it.
    pub(super) what: Lost,
}

/// What is lost of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Its NUL characters.
    Nul,
    /// All of it, since it has this many bytes, or more if it was not counted to its end.
    TooLong {
        /// How many.
        size: usize,
        /// Whether there are more.
        and_more: bool,
    },
    /// All of it, since it has this many bytes and is the longest of arguments that do not fit together.
    TooLongTogether(usize),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = &self.parameter;
        match &self.what {
            Lost::Nul => write!(
                f,
                "`{parameter}` has a NUL character, which no process can take: U+FFFD stands in its \
                 place"
            ),
            Lost::TooLong { size, and_more } => {
                let more = if *and_more { "more than " } else { "" };
                write!(
                    f,
                    "`{parameter}` has {more}{size} bytes, but a process can take 128 KiB as one text: \
                     it is left empty"
                )
            }
            Lost::TooLongTogether(size) => write!(
                f,
                "all arguments together are longer than a process can take: `{parameter}`, which has \
                 {size} bytes, is left empty"
            ),
        }
    }
}

/// A text as a process can take it, in at most `most` bytes.
pub(super) fn fit(text: Text, most: usize) -> (String, Option<Lost>) {
    let Text {
        text,
        size,
        and_more,
    } = text;
    let had_nul = text.contains('\0');
    let text = if had_nul {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    };
    let size = size.max(text.len());
    if size > most {
        (String::new(), Some(Lost::TooLong { size, and_more }))
    } else {
        (text, had_nul.then_some(Lost::Nul))
    }
}

impl Script {
    /// The arguments that follow the script's fixed ones, which may take up `room` bytes together.
    pub(super) fn arguments(&self, event: &Event, values: &Values, room: usize) -> Arguments {
        let params = &self.params;
        let mut arguments = Arguments::default();
        let mut losses: Vec<Option<Lost>> = Vec::new();
        for param in params {
            let (text, lost) = fit(param.find(event, values).to_text_within(LONGEST), LONGEST);
            arguments.texts.push(text);
            losses.push(lost);
        }
        let texts = &mut arguments.texts;
        let mut taken: usize = texts.iter().map(|text| text.len() + BESIDE).sum();
        while taken > room {
            let longest = texts.iter_mut().zip(&mut losses);
            let Some((text, lost)) = longest.max_by_key(|(text, _)| text.len()) else {
                break;
            };
            if text.is_empty() {
                break;
            }
            taken -= text.len();
            *lost = Some(Lost::TooLongTogether(text.len()));
            text.clear();
        }
        let losses = params.iter().zip(losses).filter_map(|(path, lost)| {
            lost.map(|what| Loss {
                parameter: path.to_string(),
                what,
            })
        });
        arguments.losses = losses.collect();
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::script::tests::script;
    use serde_json::{Value, json};

    const ROOM: usize = 2 * 1024 * 1024;

    fn arguments(paths: &[&str], lease: &Value, room: usize) -> Arguments {
        let script = script(&["true"], paths);
        let payload = json!({ "esi_leap_object.data": lease });
        let event = Event::new("1".into(), "t".into(), "now".into(), None, payload);
        script.arguments(&event, &Values::default(), room)
    }

    #[test]
    fn what_no_process_can_take_costs_that_value() {
        let lease = json!({
            "nul": "a\0b\0",
            "fits": "x".repeat(LONGEST),
            "long": "x".repeat(LONGEST + 1),
            "list": vec!["x"; LONGEST / 4 + 1],
            // Each NUL takes three bytes once it is replaced.
            "nuls": "\0".repeat(LONGEST / 2),
        });
        let got = arguments(&["nul", "fits", "long", "list", "nuls"], &lease, ROOM);
        let sizes: Vec<usize> = got.texts.iter().map(String::len).collect();
        assert_eq!(sizes, [8, LONGEST, 0, 0, 0]);
        assert_eq!(got.texts[0], "a\u{fffd}b\u{fffd}");
        let told: Vec<String> = got.losses.iter().map(ToString::to_string).collect();
        let expected = [
            "`nul` has a NUL character",
            "`long` has 131072 bytes",
            "`list` has 131073 bytes",
            "`nuls` has 196605 bytes",
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, begin) in told.iter().zip(expected) {
            assert!(told.starts_with(begin), "{told}");
        }
    }

    #[test]
    fn the_longest_go_first_until_the_others_fit() {
        let lease =
            json!({"a": "a".repeat(300), "b": "b".repeat(500), "c": "c", "d": "d".repeat(400)});
        let sizes = |room| -> Vec<usize> {
            let got = arguments(&["a", "b", "c", "d", "nope"], &lease, room);
            assert_eq!(
                got.losses.len(),
                got.texts[..4].iter().filter(|text| text.is_empty()).count()
            );
            got.texts.iter().map(String::len).collect()
        };
        let beside = 5 * BESIDE;
        assert_eq!(sizes(1201 + beside), [300, 500, 1, 400, 0]);
        assert_eq!(sizes(1200 + beside), [300, 0, 1, 400, 0]);
        assert_eq!(sizes(700 + beside), [300, 0, 1, 0, 0]);
        assert_eq!(sizes(0), [0, 0, 0, 0, 0]);
    }

    #[test]
    fn arguments_are_one_for_each_path() {
        let lease = json!({"node_name": "n 1", "id": 7, "properties": {"b": 1, "a": null}});
        let got = arguments(
            &["node_name", "nope", "id", "properties"],
            &lease,
            usize::MAX,
        );
        assert_eq!(got.texts, ["n 1", "", "7", r#"{"b":1,"a":null}"#]);
    }
}
