//! Whoever sends requests to a source: each over a connection of its own, and again if it is asked to.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::stage::PATIENCE;

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The bytes of a request: its method and path, its headers, a line each, and its body.
pub(crate) fn request(line: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// Sends a request over this connection; gives the status of the answer, and all that was said.
pub(crate) fn exchange<S: Read + Write>(
    mut stream: S,
    request: &[u8],
) -> io::Result<(u16, String)> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((status, answer))
}

/// Sends a request to this port.
pub(crate) fn send(port: u16, request: &[u8]) -> io::Result<(u16, String)> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, request)
}

/// Sends a request until it is taken, as whoever must not lose it does.
pub(crate) fn send_until_taken(port: u16, request: &[u8]) {
    let began = Instant::now();
    loop {
        match send(port, request) {
            Ok((202, _)) => return,
            Ok((503, _)) | Err(_) => std::thread::sleep(Duration::from_millis(20)),
            Ok((_, answer)) => panic!("refused for good: {answer}"),
        }
        assert!(began.elapsed() < PATIENCE, "sent in vain");
    }
}
