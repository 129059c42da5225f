//! What is remembered of a history, and which of its rows are new by that. Pure.
//!
//! Ids are handed out before rows are committed, so a lower one can turn up late. So the last ids
//! before the cursor are remembered, with the time of each event, and asked for again: a row that is
//! not among them is new, and one with another time shows that this is another history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::Cursor;
use crate::sources::history::record::Row;

/// How far a history has been read, and what the rows before that were. As JSON text it is the [`Cursor`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The largest id seen.
    position: i64,
    /// Rows up to this id are done with.
    floor: i64,
    /// Counts the histories that this cloud has had.
    generation: u32,
    /// The time of each event seen beyond the floor, by id.
    seen: BTreeMap<i64, String>,
}

/// Where to begin in a history that has not been read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind all there is.
    Now,
    /// Behind this id.
    Id(i64),
    /// With the first row.
    First,
}

/// What rows say of a history that has been read before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It goes on where it was. These rows are new, in order of id.
    Goes(Vec<Row>),
    /// None of what was seen is there any more: whether the history is another one, all of its rows
    /// tell.
    Doubtful,
    /// It is another one: this id belonged to another event.
    Other(i64),
}

impl Window {
    /// Begins anew, given all rows there are. Rows before the beginning count as seen.
    #[must_use]
    pub fn begin(from: Start, rows: &[Row], overlap: i64, generation: u32) -> Self {
        let newest = rows.iter().map(|row| row.id).max().unwrap_or(0);
        let position = match from {
            Start::Now => newest,
            Start::Id(id) => id.max(0),
            Start::First => 0,
        };
        let before = rows.iter().filter(|row| row.id <= position);
        // At least one, so that another history can be told from this one.
        let last = before.clone().map(|row| row.id).max();
        let floor = (position - overlap).max(0);
        let floor = last.map_or(floor, |last| floor.min(last - 1));
        let seen = before
            .filter(|row| row.id > floor)
            .map(|row| (row.id, row.event_time.clone()))
            .collect();
        Self {
            position,
            floor,
            generation,
            seen,
        }
    }

    /// The window that a cursor keeps.
    ///
    /// # Errors
    /// What is wrong with the cursor.
    pub fn of(cursor: &Cursor) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&cursor.0)
    }

    /// The cursor that keeps this window.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("numbers and texts always serialize"))
    }

    /// The largest id seen.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Rows beyond this id are to be asked for.
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.floor
    }

    /// Counts the histories that this cloud has had.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Which rows are new, out of those beyond the floor or of more, in whatever order.
    #[must_use]
    pub fn judge(&self, rows: Vec<Row>) -> Judgement {
        let seen = &self.seen;
        let mut known = false;
        for row in &rows {
            match seen.get(&row.id) {
                Some(time) if *time == row.event_time => known = true,
                Some(_) => return Judgement::Other(row.id),
                None => {}
            }
        }
        if !known && !seen.is_empty() {
            return Judgement::Doubtful;
        }
        Judgement::Goes(self.unseen(rows))
    }

    /// Looks again at a history that is not beyond doubt, given all its rows: the window to go on with,
    /// and the rows that are new by it.
    ///
    /// # Errors
    /// The largest id there is, if this is another history, or one that ends before the cursor.
    pub fn reconsider(&self, rows: Vec<Row>, overlap: i64) -> Result<(Self, Vec<Row>), i64> {
        let newest = rows.iter().map(|row| row.id).max().unwrap_or(0);
        match self.judge(rows.clone()) {
            Judgement::Goes(rows) => Ok((self.clone(), rows)),
            // What may be seen has changed, but ids go on. Events from before are nobody's news.
            Judgement::Doubtful if newest >= self.position => {
                let start = Start::Id(self.position);
                let window = Self::begin(start, &rows, overlap, self.generation);
                let rows = window.unseen(rows);
                Ok((window, rows))
            }
            Judgement::Doubtful | Judgement::Other(_) => Err(newest),
        }
    }

    fn unseen(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.retain(|row| row.id > self.floor && !self.seen.contains_key(&row.id));
        rows.sort_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        rows
    }

    /// Moves on over rows that have been accepted, all of those that come before them among them.
    pub fn advance(&mut self, rows: &[Row], overlap: i64) {
        let Self {
            position,
            floor,
            seen,
            ..
        } = self;
        for row in rows {
            seen.insert(row.id, row.event_time.clone());
            *position = (*position).max(row.id);
        }
        *floor = (*floor).max(*position - overlap);
        // Never all of them: see `begin`.
        let last = seen.keys().next_back().copied().unwrap_or(i64::MAX);
        *floor = (*floor).min(last - 1);
        *seen = seen.split_off(&(*floor + 1));
    }
}

#[cfg(test)]
mod tests;
