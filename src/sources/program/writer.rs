//! What a program is told on its standard input: that lines are on disk.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// Writes the prelude, and then how many lines are on disk, whenever that is more; of several changes while the
/// program does not read, the last. Once nobody can change it any more, closes the pipe.
pub(super) async fn write(
    stdin: impl AsyncWrite + Unpin,
    prelude: Vec<u8>,
    acknowledged: watch::Receiver<u64>,
    source: String,
) {
    // A program need not read its input.
    if let Err(error) = write_all(stdin, &prelude, acknowledged).await
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        tracing::warn!("{source}: failed to write to its standard input: {error}");
    }
}

async fn write_all(
    mut stdin: impl AsyncWrite + Unpin,
    prelude: &[u8],
    mut acknowledged: watch::Receiver<u64>,
) -> io::Result<()> {
    stdin.write_all(prelude).await?;
    while acknowledged.changed().await.is_ok() {
        let line = format!("{{\"ack\": {}}}\n", *acknowledged.borrow_and_update());
        stdin.write_all(line.as_bytes()).await?;
    }
    stdin.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_program_that_does_not_read_is_told_the_last_of_many() {
        let (mut program, stdin) = tokio::io::duplex(64);
        let (acknowledge, acknowledged) = watch::channel(0);
        let writing = tokio::spawn(write(stdin, b"{}\n".to_vec(), acknowledged, "s".into()));
        for number in 1..=1_000 {
            acknowledge.send_replace(number);
            tokio::task::yield_now().await;
        }
        drop(acknowledge);
        let mut text = String::new();
        program.read_to_string(&mut text).await.unwrap();
        writing.await.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["{}", "{\"ack\": 1}"]);
        assert_eq!(lines.last(), Some(&"{\"ack\": 1000}"));
        assert!(lines.len() < 20, "{lines:?}");
    }

    #[tokio::test]
    async fn a_program_that_closes_its_input_is_told_nothing() {
        let (program, stdin) = tokio::io::duplex(64);
        drop(program);
        let (acknowledge, acknowledged) = watch::channel(0);
        acknowledge.send_replace(1);
        write(stdin, Vec::new(), acknowledged, "s".into()).await;
        assert_eq!(acknowledge.receiver_count(), 0);
    }
}
