//! Many connections, slow ones, and some that never say anything: none of them keeps others out.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use esi_event_actions::os::limits::allow_open_files;

use super::{hook, listen, numbered};
use crate::support::sender::{free_port, send};

#[test]
fn a_thousand_connections_are_open_at_once_in_bounded_memory() {
    const CONNECTIONS: usize = 1_000;
    // Of this process: one for each connection.
    allow_open_files(4_096);
    let port = free_port();
    let stage = hook(port, "auth = none");
    let service = listen(&stage);
    assert_eq!(send(port, &numbered(0)).expect("an answer").0, 202);
    let before = service.largest_size();
    // What a sender never finishes: nothing, a head, a body.
    let beginnings: [&[u8]; 3] = [
        b"",
        b"POST / HTTP/1.1\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{",
    ];
    let open = |number: usize| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let beginning = beginnings[number % beginnings.len()];
        stream.write_all(beginning).expect("room in the buffers");
        stream
    };
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS).map(open).collect();
    let began = Instant::now();
    assert_eq!(send(port, &numbered(1)).expect("an answer").0, 202);
    assert!(began.elapsed() < Duration::from_secs(5));
    let grown = service.largest_size() - before;
    assert!(grown < 64, "{grown} MiB more");

    // All are let go in time, and those that can be told are told.
    for (number, stream) in streams.iter_mut().enumerate() {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a socket");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the connection to be closed");
        let is_told = answer.contains(" 408 ");
        assert_eq!(
            is_told,
            number % beginnings.len() == 2,
            "{number}: {answer}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(50),
        "{:?}",
        began.elapsed()
    );
    service.stop();
}

#[test]
fn connections_that_say_nothing_hold_up_no_stop() {
    let port = free_port();
    let stage = hook(port, "auth = none");
    let service = listen(&stage);
    let silent = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mut kept = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    kept.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("a request");
    let mut answer = [0; 12];
    kept.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 405");
    let began = Instant::now();
    let log = service.stop();
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(!log.contains("were not answered"), "{log}");
    drop(silent);
}
