//! An error or a warning about a configuration file: where, what, and how to fix it.

use std::fmt;

use super::text::Position;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used as it is.
    Error,
    /// The file can be used, but probably does not mean what its author thinks.
    Warning,
}

/// One error or warning about a configuration file.
///
/// Neither message nor hint ever holds the value of `password` or a part of `transport_url`, wherever
/// references may have taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The character to look at; none if the file as a whole is meant.
    pub position: Option<Position>,
    /// The section concerned, `DEFAULT` or a rule; none before the first section.
    pub section: Option<String>,
    /// A lower-case fragment: what was expected, what was found.
    pub message: String,
    /// What to do about it, as an imperative.
    pub hint: String,
}

impl Problem {
    /// An error; place and section are added by [`Self::at`] and [`Self::within`].
    #[must_use]
    pub fn error(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position: None,
            section: None,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A warning; place and section are added by [`Self::at`] and [`Self::within`].
    #[must_use]
    pub fn warning(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message, hint)
        }
    }

    /// Whether the file cannot be used because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same at this place.
    #[must_use]
    pub fn at(self, position: Position) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    /// The same in this section.
    #[must_use]
    pub fn within(self, section: impl Into<String>) -> Self {
        Self {
            section: Some(section.into()),
            ..self
        }
    }

    /// Where it is in the file of this name: `listener.conf:21:64, rule [delete]`.
    #[must_use]
    pub fn place(&self, file: &str) -> String {
        let position = self.position.map(|position| format!(":{position}"));
        let section = self.section.as_deref().map(|name| match name {
            // Not every section is a rule: `[source:nightly]`.
            _ if name == "DEFAULT" || name.contains(':') => format!(", section [{name}]"),
            rule => format!(", rule [{rule}]"),
        });
        [Some(file.to_owned()), position, section]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// All problems of one file, in the order of their places; those without a place come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem, unless it is known already.
    pub fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            let place = self
                .0
                .partition_point(|known| known.position <= problem.position);
            self.0.insert(place, problem);
        }
    }

    /// Adds all of these.
    pub fn append(&mut self, others: Self) {
        for problem in others.0 {
            self.push(problem);
        }
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(Problem::is_error)
    }

    /// The problems in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// The problems as the operator reads them, a blank line between two, no line break at the end.
    ///
    /// ```text
    /// error: expected a JSON object in `filter_params`, but found `}` after it
    ///   --> conf/listener.conf:21:64, rule [delete]
    /// hint: remove the second `}`, then run `esi-event-actions check`
    /// ```
    #[must_use]
    pub fn report<'a>(&'a self, file: &'a str) -> Report<'a> {
        Report {
            problems: &self.0,
            file,
        }
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Problems of a file by that name, ready to print; see [`Problems::report`].
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    problems: &'a [Problem],
    file: &'a str,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            let severity = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let place = problem.place(self.file);
            write!(f, "{severity}: {}\n  --> {place}", problem.message)?;
            write!(f, "\nhint: {}", problem.hint)?;
        }
        Ok(())
    }
}

/// The known word that was probably meant by `word`: the nearest, if it differs in few characters.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One slip in a short word, one more for every four characters.
    nearest_within(1 + word.chars().count() / 4, word, known)
}

/// The known word nearest to `word`, if only a few characters differ, and not all.
#[must_use]
pub fn nearest_within<'a>(
    tolerated: usize,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    known
        .into_iter()
        // Lengths are sooner compared, and a word may be of any.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= tolerated)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= tolerated && *distance < candidate.chars().count()
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[test]
    fn a_report_is_sorted_and_has_the_documented_form() {
        let mut problems = Problems::default();
        let stray = Problem::error(
            "expected a JSON object in `filter_params`, but found `}` after it",
            "remove the second `}`, then run `esi-event-actions check`",
        )
        .at(at(21, 64))
        .within("delete");
        problems.push(stray.clone());
        problems.push(
            Problem::warning("b", "fix b")
                .at(at(21, 3))
                .within("DEFAULT"),
        );
        problems.push(Problem::error("a", "fix a"));
        problems.push(stray);
        problems.push(Problem::error("c", "fix c").at(at(3, 30)));
        assert!(problems.has_errors());
        assert_eq!(
            problems.report("conf/listener.conf").to_string(),
            "error: a\n  --> conf/listener.conf\nhint: fix a\n\n\
             error: c\n  --> conf/listener.conf:3:30\nhint: fix c\n\n\
             warning: b\n  --> conf/listener.conf:21:3, section [DEFAULT]\nhint: fix b\n\n\
             error: expected a JSON object in `filter_params`, but found `}` after it\n  \
             --> conf/listener.conf:21:64, rule [delete]\n\
             hint: remove the second `}`, then run `esi-event-actions check`"
        );
    }

    #[test]
    fn warnings_alone_are_no_errors() {
        let mut problems = Problems::default();
        assert!(problems.is_empty() && !problems.has_errors());
        problems.push(Problem::warning("b", "fix b"));
        assert!(!problems.is_empty() && !problems.has_errors());
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["events", "script", "script_params", "host", "port"];
        let cases = [
            ("event", Some("events")),
            ("scrpit", Some("script")),
            ("script_param", Some("script_params")),
            ("hots", Some("host")),
            ("filter", None),
            ("x", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
