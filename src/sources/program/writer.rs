//! What a program is told on its standard input: that lines are on disk, and what the answers to its questions are.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

/// What there is to tell.
pub(super) struct Told {
    /// How many lines are on disk.
    pub(super) acknowledged: watch::Receiver<u64>,
    /// Lines that answer questions.
    pub(super) answers: mpsc::Receiver<String>,
}

/// Writes the prelude, and then the answers, and how many lines are on disk, whenever that is more; of several such
/// changes while the program does not read, the last. Once nobody can change it any more, closes the pipe.
pub(super) async fn write(
    stdin: impl AsyncWrite + Unpin,
    prelude: Vec<u8>,
    told: Told,
    source: String,
) {
    // A program need not read its input.
    if let Err(error) = write_all(stdin, &prelude, told).await
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        tracing::warn!("{source}: failed to write to its standard input: {error}");
    }
}

async fn write_all(
    mut stdin: impl AsyncWrite + Unpin,
    prelude: &[u8],
    told: Told,
) -> io::Result<()> {
    let Told {
        mut acknowledged,
        mut answers,
    } = told;
    stdin.write_all(prelude).await?;
    loop {
        let line = tokio::select! {
            biased;
            changed = acknowledged.changed() => match changed {
                Ok(()) => format!("{{\"ack\": {}}}\n", *acknowledged.borrow_and_update()),
                Err(_) => return stdin.shutdown().await,
            },
            Some(answer) = answers.recv() => answer,
        };
        stdin.write_all(line.as_bytes()).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What tells, and what is told by it.
    fn told() -> (watch::Sender<u64>, mpsc::Sender<String>, Told) {
        let (acknowledge, acknowledged) = watch::channel(0);
        let (answer, answers) = mpsc::channel(1);
        let told = Told {
            acknowledged,
            answers,
        };
        (acknowledge, answer, told)
    }

    #[tokio::test]
    async fn a_program_that_does_not_read_is_told_the_last_of_many_and_every_answer() {
        let (mut program, stdin) = tokio::io::duplex(64);
        let (acknowledge, answer, told) = told();
        let writing = tokio::spawn(write(stdin, b"{}\n".to_vec(), told, "s".into()));
        for number in 1..=1_000 {
            acknowledge.send_replace(number);
            tokio::task::yield_now().await;
        }
        let answering = tokio::spawn(async move {
            for number in 1..=20 {
                answer.send(format!("{number}\n")).await.unwrap();
            }
        });
        let mut text = String::new();
        let mut chunk = [0; 64];
        while !text.ends_with("20\n") {
            let length = program.read(&mut chunk).await.unwrap();
            text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        }
        answering.await.unwrap();
        drop(acknowledge);
        program.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["{}", "{\"ack\": 1}"]);
        assert!(lines.contains(&"{\"ack\": 1000}"));
        let is_answer = |line: &&&str| line.parse::<u32>().is_ok();
        assert_eq!(lines.iter().filter(is_answer).count(), 20);
        assert!(lines.len() < 40, "{lines:?}");
    }

    #[tokio::test]
    async fn a_program_that_closes_its_input_is_told_nothing() {
        let (program, stdin) = tokio::io::duplex(64);
        drop(program);
        let (acknowledge, answer, told) = told();
        acknowledge.send_replace(1);
        write(stdin, Vec::new(), told, "s".into()).await;
        assert_eq!(acknowledge.receiver_count(), 0);
        // Who answers it does not wait.
        answer.send("{}\n".to_owned()).await.unwrap_err();
    }
}
