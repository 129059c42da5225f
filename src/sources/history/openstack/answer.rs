//! The result of a call that has ended: the rows, the lease, or why there is no answer. Pure.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::secrets::Secrets;
use crate::core::printable::printable;
use crate::core::python_json::{self, Unreadable};
use crate::sources::history::ClientError;
use crate::sources::history::record::{Lease, Row};

const ROWS: &str = "a JSON array of rows with \"ID\", \"Event Type\", \"Event Time\", \"Object \
                    Type\", \"Object UUID\"";
const LEASE: &str = "a JSON object with the lease's \"uuid\"";

/// How the program begins a refusal to show a lease, for any reason.
const NO_LEASE: &str = "No Lease found for ";

/// This many bytes are shown before and after the place where an answer stops being valid.
const AROUND: usize = 40;

/// This many characters of the reason are shown: it may repeat a part of the answer.
const LONGEST_REASON: usize = 200;

/// A call that has ended by itself.
#[derive(Debug)]
pub(super) struct Answer {
    /// The call as one could type it, on one line.
    pub(super) call: String,
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// The end of it, without secrets.
    pub(super) stderr: Vec<u8>,
    /// What must not be shown of the rest.
    pub(super) secrets: Secrets,
}

impl Answer {
    /// The rows, in the order in which they came.
    pub(super) fn rows(&self) -> Result<Vec<Row>, ClientError> {
        self.succeeded()?;
        let rows: Vec<Row> = self.json().map_err(|error| self.unreadable(ROWS, &error))?;
        match rows.iter().find(|row| row.id < 1) {
            None => Ok(rows),
            Some(row) => {
                let found = format!(
                    "a row has the ID {}, which is not a positive number",
                    row.id
                );
                Err(self.unexpected(ROWS, &found))
            }
        }
    }

    /// The lease, which has to be the one that was asked for.
    pub(super) fn lease(&self, uuid: &str) -> Result<Lease, ClientError> {
        if !self.status.success()
            && let Some(reason) = self.not_shown()
        {
            return Err(ClientError::NotShown(reason));
        }
        self.succeeded()?;
        let lease: Lease = self
            .json()
            .map_err(|error| self.unreadable(LEASE, &error))?;
        let found = match lease.get("uuid") {
            Some(Value::String(found)) if found.eq_ignore_ascii_case(uuid) => return Ok(lease),
            Some(found) => format!("its \"uuid\" is {}", self.bounded(&found.to_string())),
            None => "there is no \"uuid\" in it".into(),
        };
        Err(self.unexpected(LEASE, &found))
    }

    /// What was said of a lease that is not shown. Warnings may come before it.
    fn not_shown(&self) -> Option<String> {
        let lines = self.stderr.split(|byte| *byte == b'\n');
        let mut refusals = lines.filter(|line| line.starts_with(NO_LEASE.as_bytes()));
        refusals.next().map(|line| printable(line.trim_ascii()))
    }

    fn succeeded(&self) -> Result<(), ClientError> {
        let Self { call, stderr, .. } = self;
        if self.status.success() {
            if !stderr.is_empty() {
                let stderr = printable(stderr.trim_ascii());
                tracing::debug!(call, stderr, "the client printed a warning");
            }
            return Ok(());
        }
        let ended = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with exit status {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
        };
        let stderr = standard_error(stderr);
        let remedy = if stderr.contains("is not an openstack command") {
            ": install python-esileapclient beside python-openstackclient"
        } else {
            ""
        };
        Err(ClientError::Failed(format!(
            "`{call}` {ended}; {stderr}{remedy}"
        )))
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        python_json::read(&self.stdout)
    }

    fn unreadable(&self, expected: &str, unreadable: &Unreadable) -> ClientError {
        if self.stdout.trim_ascii().is_empty() {
            return self.unexpected(expected, "it is empty");
        }
        let around = self.around(
            unreadable.text(&self.stdout),
            unreadable.offset(&self.stdout),
        );
        let found = format!(
            "{}, near `{}`",
            self.bounded(&unreadable.to_string()),
            printable(around.trim_ascii())
        );
        self.unexpected(expected, &found)
    }

    /// What stands around this place of a text, without secrets, of which a part may be beyond it.
    fn around(&self, text: &[u8], place: usize) -> Vec<u8> {
        let (begin, end) = (place.saturating_sub(AROUND), place + AROUND);
        let longest = self.secrets.longest();
        let from = begin.saturating_sub(longest);
        let until = text.len().min(end + longest);
        let mut wide = text[from..until].to_vec();
        self.secrets.blank(&mut wide);
        wide.truncate(end - from);
        wide.split_off(begin - from)
    }

    /// The beginning of a text, on one line, without secrets.
    fn bounded(&self, text: &str) -> String {
        let text = self.secrets.without(text);
        let end = text.char_indices().nth(LONGEST_REASON);
        match end {
            None => printable(text.as_bytes()),
            Some((end, _)) => printable(&text.as_bytes()[..end]) + "…",
        }
    }

    fn unexpected(&self, expected: &str, found: &str) -> ClientError {
        ClientError::Failed(format!(
            "expected {expected} on the standard output of `{}`, but {found}; {}: make sure that \
             neither a shell nor a wrapper prints anything else on standard output",
            self.call,
            standard_error(&self.stderr)
        ))
    }
}

/// What the program said on standard error, on one line.
pub(super) fn standard_error(stderr: &[u8]) -> String {
    match stderr.trim_ascii() {
        [] => "it wrote nothing on standard error".into(),
        text => format!("it wrote on standard error: {}", printable(text)),
    }
}

#[cfg(test)]
mod tests;
