//! What is remembered of a history, and which of its rows are new. Pure.
//!
//! The database assigns ids before rows are committed, so a lower id can appear late. Therefore the last
//! ids before the cursor are remembered with the time of each event, and their rows are requested again: a
//! row with an id that is not among them is new, and a known id with another time shows a different history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::Cursor;
use crate::sources::history::record::Row;

/// How far a history has been read, and what the rows before that were. As JSON text it is the [`Cursor`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The largest id seen.
    position: i64,
    /// Rows up to this id are not requested again.
    floor: i64,
    /// How many histories this cloud has had.
    generation: u32,
    /// The time of each event seen above the floor, by id.
    seen: BTreeMap<i64, String>,
}

/// Where to begin in a history that has not been read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the newest row.
    Now,
    /// After this id.
    Id(i64),
    /// With the first row.
    First,
}

/// Whether rows continue a history that has been read before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// They do. These rows are new, in order of id.
    Continues(Vec<Row>),
    /// No remembered row is among them: only all rows of the history can show whether it is a different one.
    NoOverlap,
    /// It is a different history: this id belonged to another event.
    DifferentHistory(i64),
}

impl Window {
    /// Starts from scratch, given all rows of the history. Rows before the start count as seen.
    #[must_use]
    pub fn begin(from: Start, rows: &[Row], overlap: i64, generation: u32) -> Self {
        let newest = rows.iter().map(|row| row.id).max().unwrap_or(0);
        let position = match from {
            Start::Now => newest,
            Start::Id(id) => id.max(0),
            Start::First => 0,
        };
        let before = rows.iter().filter(|row| row.id <= position);
        // At least one row is remembered, so that a different history is recognized.
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

    /// Rows above this id are requested.
    #[must_use]
    pub fn floor(&self) -> i64 {
        self.floor
    }

    /// How many histories this cloud has had.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Which rows are new. `rows` are those above the floor, or more, in any order.
    #[must_use]
    pub fn continuity(&self, rows: Vec<Row>) -> Continuity {
        let seen = &self.seen;
        let mut known = false;
        for row in &rows {
            match seen.get(&row.id) {
                Some(time) if *time == row.event_time => known = true,
                Some(_) => return Continuity::DifferentHistory(row.id),
                None => {}
            }
        }
        if !known && !seen.is_empty() {
            return Continuity::NoOverlap;
        }
        Continuity::Continues(self.unseen(rows))
    }

    /// Decides with all rows of the history whether it continues: returns the window to continue with, and
    /// the rows that are new for it.
    ///
    /// # Errors
    /// The largest id of the history, if it is a different one or ends before the cursor.
    pub fn recheck_with_all_rows(
        &self,
        rows: Vec<Row>,
        overlap: i64,
    ) -> Result<(Self, Vec<Row>), i64> {
        let newest = rows.iter().map(|row| row.id).max().unwrap_or(0);
        match self.continuity(rows.clone()) {
            Continuity::Continues(rows) => Ok((self.clone(), rows)),
            // What the user may see has changed, but ids continue. Earlier events are not new.
            Continuity::NoOverlap if newest >= self.position => {
                let start = Start::Id(self.position);
                let window = Self::begin(start, &rows, overlap, self.generation);
                let rows = window.unseen(rows);
                Ok((window, rows))
            }
            Continuity::NoOverlap | Continuity::DifferentHistory(_) => Err(newest),
        }
    }

    fn unseen(&self, mut rows: Vec<Row>) -> Vec<Row> {
        rows.retain(|row| row.id > self.floor && !self.seen.contains_key(&row.id));
        rows.sort_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        rows
    }

    /// Moves the cursor over rows that have been accepted, together with all rows before them.
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
        // At least one row stays: see `begin`.
        let last = seen.keys().next_back().copied().unwrap_or(i64::MAX);
        *floor = (*floor).min(last - 1);
        *seen = seen.split_off(&(*floor + 1));
    }
}

/// How far a history has been read, in words.
#[must_use]
pub fn reached(cursor: &Cursor) -> Option<String> {
    let window = Window::of(cursor).ok()?;
    Some(format!("up to event {}", window.position()))
}

#[cfg(test)]
mod tests;
