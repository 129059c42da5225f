//! Rules with `action = awx`, against a stand-in whose jobs really go on.

mod endings;
mod once;
mod recorded;
mod refusals;

use crate::support::awx::Awx;
use crate::support::drained::{drain, outcomes, run_of, secret};
use crate::support::stage::Stage;

/// A stage with a timer that fires once, at once, and the rule `clean` for it, with these options.
fn stage(awx: &Awx, options: &str) -> Stage {
    stage_at(&awx.url(), &format!("template = 7\n{options}"))
}

/// The same without a template.
fn stage_at(url: &str, options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule(
        "clean",
        &format!(
            "events = tick\naction = awx\nurl = {url}\npoll_every = 20ms\nretry_delay = 10ms\n{options}"
        ),
    );
    stage
}
