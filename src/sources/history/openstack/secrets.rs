//! The secrets that the program is given, which are blanked in its output. Pure.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;

use memchr::memmem;

use crate::config::{is_secret_variable, secrets_among};

/// Passwords and tokens, in every form in which they may turn up.
pub(super) struct Secrets {
    /// The longest first: one may be a part of another.
    forms: Vec<Vec<u8>>,
}

impl Secrets {
    /// Those among the words of a command, and in the variables that it reads.
    pub(super) fn of(
        words: &[String],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let of_variables = environment
            .into_iter()
            .filter(|(name, _)| is_secret_variable(name))
            .map(|(_, value)| value.into_vec());
        let of_words = secrets_among(words).map(|value| value.as_bytes().to_vec());
        let mut forms = Vec::new();
        for secret in of_words.chain(of_variables) {
            let text = String::from_utf8_lossy(&secret);
            let in_json = serde_json::to_string(&text).unwrap_or_default();
            forms.push(in_json.trim_matches('"').as_bytes().to_vec());
            forms.push(secret);
        }
        forms.retain(|form| !form.is_empty());
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self { forms }
    }

    /// The length of the longest: a cut may leave this much of it, less one byte.
    pub(super) fn longest(&self) -> usize {
        self.forms.first().map_or(0, Vec::len)
    }

    /// Writes over them. What is left keeps its place.
    pub(super) fn blank(&self, text: &mut [u8]) {
        for form in &self.forms {
            let found: Vec<usize> = memmem::find_iter(text, form).collect();
            for at in found {
                text[at..at + form.len()].fill(b'*');
            }
        }
    }

    /// The text without them.
    pub(super) fn without(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.blank(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Tells only that there are some.
impl fmt::Debug for Secrets {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Secrets({})", self.forms.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(words: &[&str], environment: &[(&str, &str)]) -> Secrets {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let environment = environment.iter();
        Secrets::of(
            &words,
            environment.map(|(name, value)| (name.into(), value.into())),
        )
    }

    #[test]
    fn secrets_are_blanked_wherever_they_stand() {
        let secrets = secrets(
            &["env", "OS_TOKEN=t0ken", "--os-password", "p\"ss", "x"],
            &[
                ("OS_PASSWORD", "p\"ss word"),
                ("OS_PASSCODE", ""),
                ("OS_USERNAME", "alice"),
                ("PATH_TOKEN", "path"),
            ],
        );
        let cases = [
            ("nothing", "nothing"),
            ("alice on path: x", "alice on path: x"),
            ("t0ken,t0kent0ken t0ke", "*****,********** t0ke"),
            ("'p\"ss word' 'p\"ss'", "'*********' '****'"),
            ("{\"a\": \"p\\\"ss word\"}", "{\"a\": \"**********\"}"),
        ];
        for (said, shown) in cases {
            assert_eq!(secrets.without(said), shown);
        }
        assert_eq!(secrets.longest(), 10);
    }

    #[test]
    fn bytes_of_any_kind_may_be_a_secret() {
        let value = OsString::from_vec(vec![0xff, 0xfe, b'a']);
        let secrets = Secrets::of(&[], [("OS_PASSWORD".into(), value)]);
        let mut said = b"x\xff\xfea\xff".to_vec();
        secrets.blank(&mut said);
        assert_eq!(said, b"x***\xff");
        assert!(!format!("{secrets:?}").contains('a'));
    }
}
