use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn format(message: &str) -> String {
    format!("{message}\n")
}

fn lost(number: u64) -> String {
    format!("{number} log lines were lost: standard error was not read, or could not be written\n")
}

/// Answers each write as it is told to, and keeps what it took.
struct Scripted {
    answers: Receiver<io::Result<usize>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.answers.recv().unwrap_or(Ok(usize::MAX))?;
        let taken = taken.min(bytes.len());
        self.taken.lock().unwrap().extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Answers = Sender<io::Result<usize>>;

fn scripted() -> (Arc<Backlog>, Answers, Arc<Mutex<Vec<u8>>>) {
    let (tell, answers) = channel();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let out = Scripted {
        answers,
        taken: taken.clone(),
    };
    (Backlog::begin(out, format).unwrap(), tell, taken)
}

fn text(taken: &Mutex<Vec<u8>>) -> String {
    String::from_utf8(taken.lock().unwrap().clone()).unwrap()
}

#[test]
fn a_reader_that_stands_still_holds_up_no_work_and_learns_what_it_missed() {
    let (reader, writer) = io::pipe().unwrap();
    let backlog = Backlog::begin(writer, format).unwrap();
    let line = format!("{}\n", "x".repeat(1023));
    let pushed = 3 * MOST_WAITING as u64 / 1024;
    for _ in 0..pushed {
        backlog.push(line.as_bytes());
    }
    assert!(backlog.lock().waiting.len() <= MOST_WAITING);
    backlog.flush(Duration::from_millis(10));
    assert!(backlog.lock().writing);

    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let (mut written, mut missed) = (0, 0);
    while written + missed < pushed {
        let line = lines.next().unwrap();
        if line.starts_with('x') {
            written += 1;
            continue;
        }
        let number = line.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(format!("{line}\n"), lost(number));
        missed += number;
    }
    assert!(missed > 0);
    backlog.push(b"later\n");
    assert_eq!(lines.next().as_deref(), Some("later"));
    backlog.flush(PATIENCE);
}

#[test]
fn all_that_was_pushed_is_written_by_the_time_it_is_flushed() {
    let (backlog, tell, taken) = scripted();
    drop(tell);
    let lines: Vec<String> = (0..10_000).map(|number| format!("{number}\n")).collect();
    for line in &lines {
        backlog.push(line.as_bytes());
    }
    backlog.flush(PATIENCE);
    assert_eq!(text(&taken), lines.concat());
}

#[test]
fn lines_that_cannot_be_written_are_counted_until_they_can() {
    let full = || Err(io::ErrorKind::StorageFull.into());
    let (backlog, tell, taken) = scripted();
    backlog.push(b"one\ntwo\nthree\n");
    // The first line and a part of the second, and nothing more: not even what is lost.
    for answer in [Ok(6), full(), full(), full()] {
        tell.send(answer).unwrap();
    }
    backlog.flush(PATIENCE);
    drop(tell);
    backlog.push(b"four\n");
    backlog.flush(PATIENCE);
    assert_eq!(text(&taken), format!("one\ntw\n{}four\n", lost(2)));
}

#[test]
fn a_reader_that_takes_nothing_for_a_moment_gets_everything() {
    let (backlog, tell, taken) = scripted();
    for answer in [
        Err(io::ErrorKind::WouldBlock.into()),
        Err(io::ErrorKind::Interrupted.into()),
        Ok(1),
    ] {
        tell.send(answer).unwrap();
    }
    drop(tell);
    backlog.push(b"one\ntwo\n");
    backlog.flush(PATIENCE);
    assert_eq!(text(&taken), "one\ntwo\n");
}
