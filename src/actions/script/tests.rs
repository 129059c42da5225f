//! Real scripts, really run.

mod calls;
mod endings;
mod options;
mod resources;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Script;
use super::param::Param;
use crate::actions::tests::{LONG, order as order_for};
use crate::actions::{Action, Order, Performed};
use crate::core::event::PayloadPath;
use crate::core::ini::text::Position;
use crate::os::process::ProcessIdentity;

/// A script, and an attempt to perform it for.
struct Job {
    script: Script,
    order: Order,
}

/// A script of `words` with the values at `params`.
pub(super) fn script(words: &[&str], params: &[&str]) -> Script {
    let paths = params
        .iter()
        .map(|path| Param::Path(PayloadPath::parse(path).unwrap()));
    Script {
        words: words.iter().map(ToString::to_string).collect(),
        params: paths.collect(),
        timeout: None,
        kill_grace: LONG,
        folder: PathBuf::new(),
        position: Position { line: 1, column: 1 },
    }
}

/// Attempt 2 of run 7, which calls `words` with the values at `params` in `data`.
fn job(words: &[&str], params: &[&str], data: &Value) -> Job {
    Job {
        script: script(words, params),
        order: order_for(data),
    }
}

/// A few lines of shell to run.
fn shell(lines: &str) -> Job {
    job(&["sh", "-c", lines], &[], &json!({}))
}

/// The same with these limits.
fn limited(mut job: Job, timeout: Option<Duration>, grace: Duration) -> Job {
    (job.script.timeout, job.script.kill_grace) = (timeout, grace);
    job
}

/// Performs a job in `folder`, whose path is also the journal's name.
async fn perform(
    job: Job,
    folder: &Path,
    stop: &CancellationToken,
) -> (Performed, Option<ProcessIdentity>) {
    let Job {
        mut script,
        mut order,
    } = job;
    script.folder = folder.into();
    order.journal_name = folder.display().to_string();
    let (started, handle) = oneshot::channel();
    let performed = script.perform(order, started, stop.clone()).await;
    let handle = handle.await.ok();
    let identity = handle.map(|text| serde_json::from_str(&text).unwrap());
    (performed, identity)
}
