use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures_util::stream;
use http_body_util::{Full, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use tokio::time::Instant;

use super::*;

/// Headers of a request.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// The head of a request with these headers.
fn head(method: &str, path: &str, headers: Headers<'_>) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// What comes of a body with these headers at a gate for bodies of 20 bytes.
async fn taken(headers: Headers<'_>, body: &[u8]) -> Result<String, u16> {
    let gate = Gate::new(Access::default(), 20);
    let length = body.len().to_string();
    let mut headers = headers.to_vec();
    headers.push(("content-length", &length));
    let head = head("POST", "/a%20b/c?d", &headers);
    let post = gate
        .take(&head, &mut Full::new(Bytes::copy_from_slice(body)))
        .await;
    let post = post.map_err(|refusal| refusal.status.as_u16())?;
    assert_eq!(post.endpoint, "a b/c");
    Ok(String::from_utf8(post.body).unwrap())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_is_unpacked_and_no_larger_than_it_may_be() {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(b"[1]").unwrap();
    let zlib = zlib.finish().unwrap();
    let (packed, bomb) = (gzip(b"[]"), gzip(&vec![b' '; 100_000]));
    let twenty = "x".repeat(20);
    let json = ("content-type", "application/json; charset=\"UTF-8\"");
    let encoded = |encoding| ("content-encoding", encoding);
    let ours = Gate::new(Access::default(), 1_000);
    let head = head("POST", "/", &[("content-length", "1"), encoded("gzip")]);
    let bomb = ours.take(&head, &mut Full::new(Bytes::from(bomb))).await;
    assert_eq!(bomb.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    let cases: [(Headers<'_>, &[u8], Result<&str, u16>); 11] = [
        (&[json], b"[]", Ok("[]")),
        (&[], b"", Ok("")),
        (&[], twenty.as_bytes(), Ok(&twenty)),
        (&[], b"xxxxxxxxxxxxxxxxxxxxx", Err(413)),
        (&[encoded("identity")], b"[]", Ok("[]")),
        (&[encoded("Deflate")], &zlib, Ok("[1]")),
        (&[encoded("gzip")], &packed, Err(413)),
        (&[encoded("gzip")], b"[]", Err(400)),
        (&[encoded("br")], b"[]", Err(415)),
        (
            &[("content-type", "application/json;charset=latin-1")],
            b"[]",
            Err(415),
        ),
        (&[("content-type", "text/plain")], b"[]", Ok("[]")),
    ];
    for (headers, body, expected) in cases {
        let found = taken(headers, body).await;
        assert_eq!(
            found.as_deref(),
            expected.as_ref().map(|text| *text),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_before_it_is_read() {
    let gate = Gate::new(Access::default(), 20);
    let cases: [(&str, Headers<'_>, u16); 4] = [
        ("GET", &[("content-length", "2")], 405),
        ("POST", &[], 411),
        ("POST", &[("content-length", "21")], 413),
        (
            "POST",
            &[("content-length", "2"), ("content-encoding", "zz")],
            415,
        ),
    ];
    for (method, headers, status) in cases {
        let mut body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Refusal>>());
        let refused = gate.take(&head(method, "/", headers), &mut body).await;
        assert_eq!(
            refused.unwrap_err().status.as_u16(),
            status,
            "{method} {headers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_given_up_and_one_that_breaks_off_is_told() {
    let gate = Gate::new(Access::default(), 20);
    let head = head("POST", "/", &[("transfer-encoding", "chunked")]);
    let began = Instant::now();
    // Each byte comes in time, but not all of them do.
    let slow = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Some((Ok::<_, Refusal>(Frame::data(Bytes::from_static(b" "))), ()))
    });
    let mut slow = StreamBody::new(Box::pin(slow));
    let refused = gate.take(&head, &mut slow).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(began.elapsed(), BODY);
    let broken = stream::iter([
        Ok(Frame::data(Bytes::from_static(b"["))),
        Err(Refusal::unreadable("no")),
    ]);
    let refused = gate
        .take(&head, &mut StreamBody::new(broken))
        .await
        .unwrap_err();
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn bodies_under_way_take_up_a_bounded_room_until_they_are_on_disk() {
    let largest = HELD / LARGEST_AT_ONCE;
    let gate = Gate::new(Access::default(), largest);
    let head = head("POST", "/", &[("transfer-encoding", "chunked")]);
    let whole = || Full::new(Bytes::from(vec![b' '; largest]));
    let mut held = Vec::new();
    for _ in 0..LARGEST_AT_ONCE {
        held.push(gate.take(&head, &mut whole()).await.unwrap());
    }
    let refused = gate.take(&head, &mut whole()).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    held.pop();
    assert!(gate.take(&head, &mut whole()).await.is_ok());
}
