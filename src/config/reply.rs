//! What a part of the configuration gets told by whom it depends on, for `check --connect`.

use crate::core::ini::problem::Problem;

/// What came of asking a broker, a cloud, or what else a part depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Whose part it is: `bus`, `amqp:orders`, the name of a rule.
    pub of: String,
    /// What is so, a line each. May hold text of others.
    pub facts: Vec<String>,
    /// Errors are what keeps the part from working now, warnings what may lose events. May hold text of others.
    pub problems: Vec<Problem>,
}

impl Reply {
    /// All is well, and this is so.
    #[must_use]
    pub fn fact(fact: impl Into<String>) -> Self {
        Self {
            facts: vec![fact.into()],
            ..Self::default()
        }
    }

    /// The part cannot work as things stand: why, and what to do about it.
    #[must_use]
    pub fn refusal(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problems: vec![Problem::error(message, hint)],
            ..Self::default()
        }
    }

    /// The same, of this part, which the configuration has in this section.
    #[must_use]
    pub fn named(self, of: &str, section: &str) -> Self {
        let problems = self.problems.into_iter();
        Self {
            of: of.to_owned(),
            problems: problems.map(|problem| problem.within(section)).collect(),
            ..self
        }
    }
}
