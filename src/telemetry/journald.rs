//! Log lines for systemd's journal, with fields by which they are found: `journalctl ESI_RUN_ID=17`.
//!
//! An entry is one line of the backlog, its fields apart by a character that no text has once it is printable; `Socket` sends it as
//! the journal's native protocol has it (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::core::printable::printable;

/// Where systemd's journal takes entries.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// Between the fields of an entry.
const APART: char = '\u{1e}';

/// The most of an entry that one datagram carries in any case.
const LARGEST: usize = 128 * 1024;

/// Whether standard error is what systemd says to be its journal (`JOURNAL_STREAM`): whoever has it redirected
/// wants his lines there.
pub(super) fn is_journal(stream: Option<&OsStr>, stderr: impl AsFd) -> bool {
    let Some((device, inode)) = stream
        .and_then(OsStr::to_str)
        .and_then(|stream| stream.split_once(':'))
    else {
        return false;
    };
    fstat(stderr)
        .is_ok_and(|stat| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

/// An entry of this priority: of 0 to 7, as for syslog.
pub(super) fn entry(priority: u8, fields: &str, message: &str) -> String {
    format!(
        "PRIORITY={priority}{APART}SYSLOG_IDENTIFIER={}{APART}{fields}MESSAGE={}\n",
        env!("CARGO_PKG_NAME"),
        printable(message.as_bytes())
    )
}

pub(super) fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// Makes an entry of an event: the text that a line would have, and each of its fields by itself.
pub(super) struct Entries;

impl<S, N> FormatEvent<S, N> for Entries
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        let format = Format::default().without_time().with_level(false);
        format.with_target(false).with_ansi(false).format_event(
            context,
            Writer::new(&mut text),
            event,
        )?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let priority = priority(*event.metadata().level());
        writer.write_str(&entry(priority, &fields.0, text.trim_end_matches('\n')))
    }
}

/// The fields of an event but for its message, under the journal's names.
#[derive(Default)]
struct Fields(String);

impl Fields {
    fn push(&mut self, field: &Field, text: &str) {
        let name = match field.name() {
            "message" => return,
            "run" => "RUN_ID".to_owned(),
            "event" => "EVENT_ID".to_owned(),
            name => name.to_ascii_uppercase().replace('.', "_"),
        };
        self.0.push_str("ESI_");
        self.0.push_str(&name);
        self.0.push('=');
        self.0.push_str(&printable(text.as_bytes()));
        self.0.push(APART);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        if write!(text, "{value:?}").is_ok() {
            self.push(field, &text);
        }
    }
}

/// Sends entries to the journal; what it does not take goes to standard error as a line with its priority.
pub(super) struct Socket {
    socket: Option<UnixDatagram>,
    stderr: File,
}

impl Socket {
    /// Opens the journal's socket at `path`, if it is there.
    pub(super) fn open(path: &Path, stderr: File) -> Self {
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.connect(path)?;
            Ok(socket)
        });
        Self {
            socket: socket.ok(),
            stderr,
        }
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        let fields = line.split(APART);
        let is_entry = line.starts_with("PRIORITY=");
        if let Some(socket) = &self.socket
            && line.len() <= LARGEST
        {
            let datagram = if is_entry {
                fields
                    .clone()
                    .fold(String::new(), |all, field| all + field + "\n")
            } else {
                entry(3, "", line).replace(APART, "\n")
            };
            if socket.send(datagram.as_bytes()).is_ok() {
                return Ok(());
            }
        }
        let value = |name| fields.clone().find_map(|field| field.strip_prefix(name));
        let priority = value("PRIORITY=").unwrap_or("3");
        let message = value("MESSAGE=").unwrap_or(line);
        writeln!(self.stderr, "<{priority}>{message}")
    }
}

impl Write for Socket {
    /// Takes one line.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let end = memchr::memchr(b'\n', lines).unwrap_or(lines.len());
        let line = String::from_utf8_lossy(&lines[..end]);
        if !line.is_empty() {
            self.send(&line)?;
        }
        Ok((end + 1).min(lines.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn the_journal_is_told_apart_from_a_file() {
        let file = tempfile::tempfile().unwrap();
        let stat = fstat(&file).unwrap();
        let own = format!("{}:{}", stat.st_dev, stat.st_ino);
        let cases = [
            (Some(own.as_str()), true),
            (Some("1:2"), false),
            (Some("nonsense"), false),
            (None, false),
        ];
        for (stream, expected) in cases {
            assert_eq!(
                is_journal(stream.map(OsStr::new), &file),
                expected,
                "{stream:?}"
            );
        }
    }

    #[test]
    fn entries_reach_the_socket_with_their_fields_and_otherwise_standard_error() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let stderr = folder.path().join("stderr");
        let mut socket = Socket::open(&path, File::create(&stderr).unwrap());
        let line = entry(6, &format!("ESI_RUN_ID=7{APART}"), "succeeded\nin 1s");
        assert_eq!(socket.write(line.as_bytes()).unwrap(), line.len());
        socket
            .write_all(b"error: last words\nhint: none\n")
            .unwrap();
        let received = || {
            let mut datagram = [0; 4096];
            let length = journal.recv(&mut datagram).unwrap();
            String::from_utf8(datagram[..length].to_vec()).unwrap()
        };
        assert_eq!(
            received(),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=esi-event-actions\nESI_RUN_ID=7\nMESSAGE=succeeded\\nin 1s\n"
        );
        assert!(received().ends_with("MESSAGE=error: last words\n"));
        assert!(received().starts_with("PRIORITY=3\n"));
        drop(journal);
        socket.write_all(line.as_bytes()).unwrap();
        socket.write_all(b"more\n").unwrap();
        let written = std::fs::read_to_string(stderr).unwrap();
        assert_eq!(written, "<6>succeeded\\nin 1s\n<3>more\n");
    }
}
