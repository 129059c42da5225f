use serde_json::Value;

use super::*;
use crate::actions::tests::order;
use crate::core::line::LONGEST_LINE;
use crate::telemetry::captured::capture;

#[test]
fn the_tail_is_the_last_of_what_came() {
    let sizes = [
        vec![],
        vec![0],
        vec![1, 2, 3],
        vec![TAIL],
        vec![TAIL - 1, 1],
        vec![TAIL - 1, 2],
        vec![TAIL + 1],
        vec![10, TAIL],
        vec![3 * TAIL, 10],
        vec![10, 3 * TAIL, TAIL - 5, 7],
    ];
    for sizes in sizes {
        let (mut tail, mut whole) = (Tail::default(), Vec::new());
        for size in &sizes {
            let chunk: Vec<u8> = (0..=250).cycle().take(*size).collect();
            tail.push(&chunk);
            whole.extend(chunk);
        }
        let dropped = whole.len().saturating_sub(TAIL);
        assert_eq!(tail.dropped, dropped as u64, "{sizes:?}");
        assert!(tail.bytes.iter().eq(&whole[dropped..]), "{sizes:?}");
    }
}

/// What is logged when these chunks come on the two streams one after the other.
fn logged(chunks: &[(Stream, &[u8])]) -> Vec<Value> {
    let log = capture();
    let order = order(&serde_json::json!({}));
    let mut output = Output::new(&order);
    for (stream, bytes) in chunks {
        output.push(*stream, bytes);
    }
    output.finish();
    log.fields()
}

#[test]
fn each_line_is_logged_once_it_is_whole() {
    let long = vec![b'x'; LONGEST_LINE + 3];
    let cut = format!("{}…(+3 bytes)", "x".repeat(LONGEST_LINE));
    let logged = logged(&[
        (Stream::Stdout, b"one\ntw"),
        (Stream::Stderr, b"\x1b[31mbad\xff\r\n\n"),
        (Stream::Stdout, b"o\nthree"),
        (Stream::Stderr, &long),
        (Stream::Stderr, b"\nlast"),
    ]);
    let lines: Vec<(&str, &str)> = logged
        .iter()
        .map(|fields| {
            assert_eq!(fields["run"], 7);
            assert_eq!(fields["attempt"], 2);
            assert_eq!(fields["rule"], "deploy");
            (
                fields["stream"].as_str().unwrap(),
                fields["line"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("stdout", "one"),
        ("stderr", r"\x1b[31mbad\xff"),
        ("stderr", ""),
        ("stdout", "two"),
        ("stderr", cut.as_str()),
        ("stdout", "three"),
        ("stderr", "last"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_flood_of_lines_is_logged_up_to_a_limit() {
    let flood = b"line\n".repeat(5000);
    let logged = logged(&[
        (Stream::Stdout, &flood),
        (Stream::Stdout, &flood),
        (Stream::Stderr, b"end"),
    ]);
    assert_eq!(logged.len(), LOGGED_LINES as usize + 1);
    let last = logged.last().unwrap();
    let message = last["message"].as_str().unwrap();
    assert!(message.contains("what follows is not logged"), "{message}");
}
