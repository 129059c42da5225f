//! `check --connect`: what the broker, and all else that the configuration names, answer.

use std::path::Path;
use std::sync::Arc;

use crate::actions::Action;
use crate::amqp::prepare;
use crate::app::parts::Config;
use crate::cli::inputs::block_on;
use crate::cli::output::print_line;
use crate::cli::report::{Exit, Failure};
use crate::cli::service::{install_tls_provider, no_thread};
use crate::config::{Problem, Problems, RuleAction};
use crate::core::printable::printable;
use crate::sources::{Asking, FeedSettings};
use crate::state::is_listened_in;

/// Asks, and prints what was answered. `state` is the folder of the journal, `name` the configuration file's.
pub(super) fn ask<F: FeedSettings>(
    config: &Config<F>,
    actions: &[RuleAction<Arc<dyn Action>>],
    state: Option<&Path>,
    name: &str,
) -> Result<Exit, Failure> {
    install_tls_provider()?;
    prepare().map_err(|error| no_thread(&error))?;
    let asking = Asking {
        folder: &config.folder(),
        listens: state.and_then(is_listened_in),
    };
    let replies = block_on(async {
        let mut replies = config.feed.ask_all(&asking).await;
        for RuleAction { rule, action, .. } in actions.iter().filter(|one| one.enabled) {
            let reply = action.ask().await;
            replies.extend(reply.map(|reply| reply.named(&format!("rule {rule}"), rule)));
        }
        replies
    })?;
    let mut problems = Problems::default();
    for reply in replies {
        for fact in reply.facts {
            print_line(&format!("{}: {}", reply.of, printable(fact.as_bytes())))?;
        }
        for problem in reply.problems {
            problems.push(Problem {
                message: printable(problem.message.as_bytes()),
                hint: printable(problem.hint.as_bytes()),
                ..problem
            });
        }
    }
    let report = problems.report(name).to_string();
    if problems.has_errors() {
        return Err(Failure::problems(report).with_exit(Exit::Temporary));
    }
    if problems.is_empty() {
        return Ok(Exit::Success);
    }
    print_line(&report)
}
