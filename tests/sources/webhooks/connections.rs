//! Many connections, slow ones, and some that never say anything: none of them keeps others out.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use esi_event_actions::os::limits::allow_many_open_files;

use super::{hook, listen, numbered};
use crate::support::scene::{Service, wait_until};
use crate::support::sender::{free_port, send};

#[test]
fn a_thousand_connections_are_open_at_once_in_bounded_memory() {
    const CONNECTIONS: usize = 1_000;
    // Of this process: one for each connection.
    allow_many_open_files();
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

#[test]
fn the_service_may_open_more_files_than_before_and_its_scripts_may_not() {
    let port = free_port();
    let stage = hook(port, "auth = none");
    stage.script("record.sh", r#"echo "$(ulimit -S -n)|" >>"$LOG""#);
    let mut command = Command::new("sh");
    let program = stage.program("listen");
    command
        .args(["-c", r#"ulimit -S -n 300 && exec "$0" "$@""#])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir("/");
    let service = Service::start(&mut command);
    service.wait_for("webhook:hook: taking requests at http");
    assert_eq!(send(port, &numbered(1)).expect("an answer").0, 202);
    assert_eq!(stage.wait_for_log(1), ["300|"]);
    let limits = format!("/proc/{}/limits", service.pid());
    let limits = fs::read_to_string(limits).expect("limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().nth(3));
    let soft: u64 = soft.and_then(|it| it.parse().ok()).expect("a limit");
    assert!(soft > 1_000, "{soft}");

    // With more files open than a script may have, scripts are started all the same.
    let connect = |_| TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let streams: Vec<TcpStream> = (0..400).map(connect).collect();
    wait_until("as many connections", || service.open_files().len() > 400);
    assert_eq!(send(port, &numbered(2)).expect("an answer").0, 202);
    stage.wait_for_log(2);
    drop(streams);
    service.stop();
}
