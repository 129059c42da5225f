//! Where the reading of an event history begins.

use std::path::Path;

use super::parts::read_history;
use super::{DaemonError, Poll};
use crate::journal::{Browse, Cursor, SourceRecord};
use crate::sources::history::window::{Start, Window};
use crate::sources::history::{Beginning, sample, source_name};

/// Where to begin: where the journal says, unless something else is asked for; and the cursor there.
pub(super) async fn beginning(
    journal: &dyn Browse,
    poll: &Poll,
) -> Result<(Beginning, Option<Cursor>), DaemonError> {
    let name = source_name(&poll.cloud);
    let sources = journal.sources().await?;
    let own = sources.iter().find(|record| record.source == name);
    let cursor = own.and_then(|record| record.cursor.clone());
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
            start: taken_over(poll, &sources)?,
            former: None,
            force: false,
        },
    };
    Ok((beginning, cursor))
}

/// Where ESI's documented sample has come to.
fn taken_over(poll: &Poll, sources: &[SourceRecord]) -> Result<Start, DaemonError> {
    let beginning = |what| DaemonError::Beginning { what };
    let Some(file) = &poll.sample_file else {
        return Err(beginning(format!(
            "the event history of {} has not been read before, or the journal is gone{}",
            poll.cloud,
            by_other_names(sources)
        )));
    };
    let id = sample::read(file).map_err(beginning)?;
    tracing::info!("beginning where {} has come to", file.display());
    Ok(Start::Id(id))
}

/// What the journal knows of other clouds: one of them may be this one, by another name.
fn by_other_names(sources: &[SourceRecord]) -> String {
    let histories = sources.iter().filter_map(read_history);
    let known: Vec<String> = histories
        .filter_map(|(cloud, id)| Some(format!("that of {cloud} up to event {}", id?)))
        .collect();
    if known.is_empty() {
        return String::new();
    }
    format!(
        "; the journal has {}: if that is the same history by another name, go on behind that event with \
         `--from-id`",
        known.join(" and ")
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_that_have_been_read_by_other_names_are_told_with_their_last_events() {
        let record = |source: &str, cursor| SourceRecord {
            source: source.to_owned(),
            opened_at: None,
            cursor,
            passed_at: None,
            failure: None,
            failures: 0,
        };
        let read = |id| Some(Window::begin(Start::Id(id), &[], 10, 0).cursor());
        let others = [
            record("timer:nightly", read(7)),
            record("history:away", None),
        ];
        assert_eq!(by_other_names(&others), "");
        let others = [
            record("history:esi", read(12)),
            record("history:https://a:5000/v3", read(3)),
        ];
        assert_eq!(
            by_other_names(&others),
            "; the journal has that of esi up to event 12 and that of https://a:5000/v3 up to event 3: if that is \
             the same history by another name, go on behind that event with `--from-id`"
        );
    }
}
