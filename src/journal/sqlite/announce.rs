//! Announcements out: the events that they came to are accepted in the commit that takes them out.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::accept::accept;
use super::fault::Fault;
use super::transitions::finish_event;
use crate::crash::{self, Point};
use crate::journal::{Accepted, Announced};

/// Accepts what announcements came to, and takes these out; of one that has gone, nothing.
pub(super) fn announce(
    connection: &Connection,
    announced: &[Announced],
    now: Timestamp,
) -> Result<Vec<Vec<Accepted>>, Fault> {
    let mut accepted = Vec::with_capacity(announced.len());
    for one in announced {
        let event: Option<i64> = connection
            .prepare_cached("DELETE FROM announcements WHERE id = ?1 RETURNING event")?
            .query_row([one.id], |row| row.get(0))
            .optional()?;
        accepted.push(match event {
            Some(event) => {
                finish_event(connection, event, now)?;
                accept(connection, &one.entries, now)?
            }
            None => Vec::new(),
        });
    }
    crash::point(Point::AnnouncedUncommitted);
    Ok(accepted)
}
