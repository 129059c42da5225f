//! The one table at the end: each row a figure of ours, one of a peer or a ceiling in the same run, and the
//! goal for their ratio.

use std::fmt::Write as _;

/// A row.
pub(crate) struct Row {
    what: String,
    ours: String,
    beside: String,
    ratio: String,
    goal: String,
    is_met: bool,
}

/// What a figure has to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    /// Our figure beside another one, in this unit, with a goal for their ratio.
    pub(crate) fn of(what: &str, unit: &str, ours: f64, beside: (&str, f64), goal: Goal) -> Self {
        let (peer, figure) = beside;
        let ratio = ours / figure;
        Self {
            what: what.to_owned(),
            ours: format!("{} {unit}", short(ours)),
            beside: format!("{peer}: {} {unit}", short(figure)),
            ratio: format!("{ratio:.2} ×"),
            goal: goal.told("×"),
            is_met: goal.is_met(ratio),
        }
    }

    /// Our figure alone, with a limit in the same unit.
    pub(crate) fn alone(what: &str, unit: &str, ours: f64, goal: Goal) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{} {unit}", short(ours)),
            beside: String::new(),
            ratio: String::new(),
            goal: goal.told(unit),
            is_met: goal.is_met(ours),
        }
    }
}

impl Goal {
    fn told(self, unit: &str) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least} {unit}"),
            Self::AtMost(most) => format!("≤ {most} {unit}"),
        }
    }

    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }
}

/// Three digits of it, or all before the point.
fn short(figure: f64) -> String {
    match figure {
        _ if figure >= 100.0 => format!("{figure:.0}"),
        _ if figure >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | ours | beside it | ratio | goal | |\n| --- | --- | --- | --- | --- | --- |",
    );
    for row in rows {
        let met = if row.is_met { "met" } else { "missed" };
        write!(
            text,
            "\n| {} | {} | {} | {} | {} | {met} |",
            row.what, row.ours, row.beside, row.ratio, row.goal
        )
        .expect("memory");
    }
    text
}
