//! Where the reading of an event history begins.

use std::path::Path;

use super::{DaemonError, Poll};
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Browse, Cursor};
use crate::sources::history::window::{Start, Window};
use crate::sources::history::{Beginning, sample, source_name};

/// Where to begin: where the journal says, unless something else is asked for; and the cursor there.
pub(super) async fn beginning(
    journal: &SqliteJournal,
    poll: &Poll,
) -> Result<(Beginning, Option<Cursor>), DaemonError> {
    let name = source_name(&poll.cloud);
    let sources = journal.sources().await?;
    let cursor = sources
        .into_iter()
        .find(|record| record.source == name)
        .and_then(|record| record.cursor);
    let former = cursor.as_ref().map(Window::of).transpose();
    let former = former.map_err(|error| DaemonError::Beginning {
        what: format!(
            "the journal's memory of {} cannot be read: {error}",
            poll.cloud
        ),
    })?;
    let beginning = match (poll.start, former) {
        (Some(start), former) => Beginning::Anew {
            start,
            former,
            force: poll.force,
        },
        (None, Some(window)) => {
            if let Some(file) = &poll.sample_file {
                retire(file);
            }
            Beginning::Cursor(window)
        }
        (None, None) => Beginning::Anew {
            start: taken_over(poll)?,
            former: None,
            force: false,
        },
    };
    Ok((beginning, cursor))
}

/// Where ESI's documented sample has come to.
fn taken_over(poll: &Poll) -> Result<Start, DaemonError> {
    let beginning = |what| DaemonError::Beginning { what };
    let Some(file) = &poll.sample_file else {
        return Err(beginning(format!(
            "the event history of {} has not been read before, or the journal is gone",
            poll.cloud
        )));
    };
    let id = sample::read(file).map_err(beginning)?;
    tracing::info!("beginning where {} has come to", file.display());
    Ok(Start::Id(id))
}

fn retire(file: &Path) {
    match sample::retire(file) {
        Ok(retired) => tracing::info!(
            "{} has been taken over, and is {} now",
            file.display(),
            retired.display()
        ),
        Err(error) => tracing::warn!(
            "failed to rename {}, which has been taken over: {error}; remove it",
            file.display()
        ),
    }
}
