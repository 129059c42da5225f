//! What a trial has come to: a row of the table at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use comfy_table::{ContentArrangement, Table};

/// One thing that was tried.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What was tried, in a few words.
    pub(crate) what: String,
    /// How often.
    pub(crate) how_often: u64,
    /// Each promise that was not kept; none, if all is well.
    pub(crate) violations: Vec<String>,
    /// What was measured: `1000 kills, 412 repeats, 0 lost`.
    pub(crate) figures: String,
}

impl Finding {
    /// Tries something so often; it gives the figures. Where it panics, a promise was broken: the
    /// assertions of the scenarios serve here too.
    pub(crate) fn of(what: &str, how_often: u64, trial: impl FnOnce() -> String) -> Self {
        let (figures, violations) = match catch_unwind(AssertUnwindSafe(trial)) {
            Ok(figures) => (figures, Vec::new()),
            Err(panic) => {
                let why = (panic.downcast_ref::<String>().map(String::as_str))
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                let why = why.unwrap_or("a panic without words").to_owned();
                (String::new(), vec![why])
            }
        };
        Self {
            what: what.to_owned(),
            how_often,
            violations,
            figures,
        }
    }
}

/// All findings, each with the part that it is of.
pub(crate) fn table(findings: &[(&str, Finding)]) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["part", "what", "how often", "violations", "figures"]);
    for (part, finding) in findings {
        table.add_row([
            *part,
            &finding.what,
            &finding.how_often.to_string(),
            &finding.violations.len().to_string(),
            &finding.figures,
        ]);
    }
    table
}
