//! Rules with `action = http` or one of its presets, against a server that answers and fails in every way. Timers make the
//! events, so that no bus is needed.

mod answers;
mod batch;
mod chat;
mod connections;
mod recorded_chat;
mod secrets;

use std::fs;
use std::process::Command;

use crate::support::drained::{drain, outcomes, run_of};
use crate::support::stage::{Stage, program};

/// A stage with a timer that fires once, at once, and the rule `tell` for it, with these options.
fn stage(options: &str) -> Stage {
    stage_for("http", options)
}

/// The same with another action.
fn stage_for(action: &str, options: &str) -> Stage {
    let mut stage = Stage::new("");
    stage.rule("source:tick", "type = timer\nevery = 1h\nlimit = 1");
    stage.rule(
        "tell",
        &format!("events = tick\naction = {action}\n{options}"),
    );
    stage
}

/// Puts values into the store, which needs a journal that is there already.
fn remember(stage: &Stage, values: &[(&str, &str)]) {
    let never = "[DEFAULT]\nstate_dir = state\n[source:never]\ntype = timer\nat = 2099-01-01T00:00Z\n\
                 [none]\nevents = never\nscript = true\n";
    let config = stage.path("never.conf");
    fs::write(&config, never).expect("a configuration");
    let mut making = Command::new(program());
    making.args(["listen", "--until-idle", "--config"]);
    let made = making.arg(config).output().expect("the program");
    assert!(made.status.success(), "{made:?}");
    for (name, value) in values {
        let set = stage.run(&["store", "set", name, value]);
        assert!(set.status.success(), "{set:?}");
    }
}
