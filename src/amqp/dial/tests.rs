use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use secrecy::SecretString;

use super::*;

fn settings() -> Broker {
    Broker {
        endpoints: Vec::new(),
        vhost: "/".into(),
        heartbeat: Duration::from_secs(60),
        tls: None,
        login_method: LoginMethod::Plain,
    }
}

fn endpoint() -> Endpoint {
    Endpoint {
        host: "rabbit.test".into(),
        port: 5672,
        user: "u".into(),
        password: Password::Text(SecretString::from("p")),
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What a broker says, and what the client says to it, in the order of the protocol: the most
/// channels, the largest frame, the seconds between heartbeats.
type Tuning = (u16, u32, u16);

fn send(stream: &mut TcpStream, method: u16, arguments: &[u8]) {
    let mut frame = vec![1, 0, 0];
    let size = u32::try_from(arguments.len() + 4).unwrap();
    frame.extend(size.to_be_bytes());
    frame.extend([0, 10]);
    frame.extend(method.to_be_bytes());
    frame.extend(arguments);
    frame.push(0xCE);
    stream.write_all(&frame).unwrap();
}

/// The arguments of the client's next method, which must be this one.
fn receive(stream: &mut TcpStream, method: u16) -> Vec<u8> {
    let mut head = [0; 7];
    stream.read_exact(&mut head).unwrap();
    let size = u32::from_be_bytes(head[3..].try_into().unwrap());
    let mut rest = vec![0; usize::try_from(size).unwrap() + 1];
    stream.read_exact(&mut rest).unwrap();
    assert_eq!(rest[2..4], method.to_be_bytes());
    rest[4..rest.len() - 1].to_vec()
}

/// A broker that lets one client in, and gives back what it was told.
fn broker(listener: TcpListener, (channels, frame, heartbeat): Tuning) -> JoinHandle<Tuning> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        let start = b"\x00\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US";
        send(&mut stream, 10, start);
        receive(&mut stream, 11);
        let mut tune = channels.to_be_bytes().to_vec();
        tune.extend(frame.to_be_bytes());
        tune.extend(heartbeat.to_be_bytes());
        send(&mut stream, 30, &tune);
        let said = receive(&mut stream, 31);
        receive(&mut stream, 40);
        send(&mut stream, 41, &[0]);
        (
            u16::from_be_bytes(said[..2].try_into().unwrap()),
            u32::from_be_bytes(said[2..6].try_into().unwrap()),
            u16::from_be_bytes(said[6..].try_into().unwrap()),
        )
    })
}

#[tokio::test]
async fn whatever_a_broker_offers_we_agree_on_what_we_can_hold() {
    let cases: [(Tuning, Tuning); 12] = [
        ((2047, 131_072, 60), (2047, 16_384, 60)),
        ((0, 0, 0), (65_535, 16_384, 60)),
        ((65_535, u32::MAX, 65_535), (65_535, 16_384, 60)),
        ((1, 1 << 27, 1), (1, 16_384, 1)),
        ((2, 1 << 31, 61), (2, 16_384, 60)),
        ((2047, (1 << 31) - 1, 59), (2047, 16_384, 59)),
        ((2047, 16_385, 60), (2047, 16_384, 60)),
        ((2047, 16_383, 60), (2047, 16_383, 60)),
        ((2047, 4097, 60), (2047, 4097, 60)),
        ((2047, 4096, 60), (2047, 4096, 60)),
        // Less than the protocol allows.
        ((2047, 4095, 60), (2047, 4096, 60)),
        ((2047, 1, 60), (2047, 4096, 60)),
    ];
    for (offered, expected) in cases {
        let (listener, address) = listener();
        let broker = broker(listener, offered);
        let dialled = dial_any(&settings(), &endpoint(), vec![address]).await;
        assert_eq!(broker.join().unwrap(), expected, "{offered:?}");
        dialled.unwrap();
    }
}

#[tokio::test]
async fn every_address_has_its_share_of_the_time_and_is_named() {
    // Accepts and never speaks; refuses; lets in.
    let (_dumb, dumb) = listener();
    let (dead, refusing) = listener();
    drop(dead);
    let (good, letting_in) = listener();
    let broker = broker(good, (2047, 131_072, 60));
    let found = vec![dumb, refusing, letting_in];
    dial_any(&settings(), &endpoint(), found).await.unwrap();
    broker.join().unwrap();

    let found = vec![refusing, dumb];
    let why = dial_any(&settings(), &endpoint(), found).await.unwrap_err();
    for part in [
        "127.0.0.1: failed to connect: Connection refused",
        "; 127.0.0.1: no answer to the greeting within 5s",
    ] {
        assert!(why.contains(part), "no `{part}` in {why}");
    }
}

#[test]
fn addresses_share_the_time_down_to_a_least() {
    for (addresses, seconds) in [(0, 10), (1, 10), (2, 5), (3, 3), (5, 2), (100, 2)] {
        assert_eq!(share(addresses), Duration::from_secs(seconds));
    }
}

#[test]
fn addresses_with_one_reason_stand_together() {
    let mut reasons = Reasons::default();
    assert_eq!(reasons.to_text("h"), "the host has no address");
    let [one, two] = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().unwrap());
    reasons.add(one, "refused".into());
    assert_eq!(reasons.to_text("h"), "192.0.2.1: refused");
    assert_eq!(reasons.to_text("192.0.2.1"), "refused");
    reasons.add(two, "refused".into());
    assert_eq!(reasons.to_text("h"), "192.0.2.1, 2001:db8::1: refused");
    reasons.add(one, "silent".into());
    assert_eq!(
        reasons.to_text("h"),
        "192.0.2.1, 2001:db8::1: refused; 192.0.2.1: silent"
    );
}
