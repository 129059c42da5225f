//! The broker of the scenarios does what they rely on.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, Consumer};

use crate::support::amqp::{self, Declaration, Publisher};
use crate::support::broker::Broker;
use crate::support::captured::{self, Driver};

async fn consume(connection: &Connection, queue: &str) -> Consumer {
    let channel = connection.create_channel().await.expect("a channel opens");
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
        .expect("the queue is there")
}

#[tokio::test]
async fn what_is_published_arrives_byte_for_byte_with_the_properties_of_oslo() {
    let broker = Broker::shared();
    let publisher = Publisher::connect(broker.url()).await;
    let (exchange, queue) = (
        amqp::unique("openstack"),
        amqp::unique("notifications.info"),
    );
    publisher
        .declare(&exchange, &queue, Declaration::Transient)
        .await;
    let sent = captured::all(Driver::MessagingV2);
    publisher
        .publish_all(&exchange, &queue, sent.iter().map(|each| &each.body))
        .await;
    publisher
        .publish(&exchange, &queue, b"\xff not UTF-8")
        .await;

    let connection = amqp::connect(broker.url()).await;
    let mut consumer = consume(&connection, &queue).await;
    let mut arrived = Vec::new();
    for _ in 0..=sent.len() {
        let delivery = consumer.next().await.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        assert_eq!(
            (delivery.exchange.as_str(), delivery.routing_key.as_str()),
            (exchange.as_str(), queue.as_str())
        );
        let expected = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_headers(FieldTable::default())
            .with_delivery_mode(2)
            .with_priority(0);
        assert_eq!(delivery.properties, expected);
        arrived.push(delivery.data);
    }

    let mut expected: Vec<Vec<u8>> = sent
        .into_iter()
        .map(|each| each.body.into_bytes())
        .collect();
    expected.push(b"\xff not UTF-8".to_vec());
    assert_eq!(arrived, expected);
    publisher.delete(&queue).await;
}

#[tokio::test]
async fn every_declaration_of_oslo_is_accepted_and_counted() {
    let publisher = Publisher::connect(Broker::shared().url()).await;
    for declaration in Declaration::ALL {
        let (exchange, queue) = (
            amqp::unique("openstack"),
            amqp::unique("notifications.info"),
        );
        assert_eq!(
            publisher.message_count(&queue).await,
            None,
            "{declaration:?}"
        );

        publisher.declare(&exchange, &queue, declaration).await;
        publisher.publish(&exchange, &queue, "{}").await;
        publisher.publish(&exchange, &queue, "[]").await;
        // A quorum queue counts a moment later.
        let started = Instant::now();
        while publisher.message_count(&queue).await != Some(2) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "{declaration:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(publisher.purge(&queue).await, 2, "{declaration:?}");
        assert_eq!(
            publisher.message_count(&queue).await,
            Some(0),
            "{declaration:?}"
        );

        publisher.delete(&queue).await;
        assert_eq!(
            publisher.message_count(&queue).await,
            None,
            "{declaration:?}"
        );
    }
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_noticed() {
    let publisher = Publisher::connect(Broker::shared().url()).await;
    let (exchange, queue) = (
        amqp::unique("openstack"),
        amqp::unique("notifications.info"),
    );
    publisher
        .declare(&exchange, &queue, Declaration::Transient)
        .await;

    let refusal = publisher
        .try_publish(&exchange, "mistyped", "{}")
        .await
        .unwrap_err();

    assert!(
        refusal.contains("no queue is bound for mistyped"),
        "{refusal}"
    );
    publisher.delete(&queue).await;
}

#[tokio::test]
async fn the_parts_of_the_address_open_a_connection_too() {
    let broker = Broker::shared();
    let mut address: lapin::uri::AMQPUri = "amqp://localhost".parse().unwrap();
    address.authority.host = broker.host().to_owned();
    address.authority.port = broker.port();
    address.authority.userinfo.username = broker.user().to_owned();
    address.authority.userinfo.password = broker.password().to_owned();
    address.vhost = broker.vhost().to_owned();

    let connection = Connection::connect_uri(address, lapin::ConnectionProperties::default())
        .await
        .unwrap();

    assert!(connection.status().connected());
}

#[tokio::test]
async fn a_restart_breaks_connections_and_keeps_the_port_and_what_is_durable() {
    let broker = Broker::private();
    let publisher = Publisher::connect(broker.url()).await;
    let declared = [
        Declaration::Durable,
        Declaration::Quorum,
        Declaration::Transient,
    ];
    let queues = declared.map(|declaration| (declaration, format!("{declaration:?}.info")));
    for (declaration, queue) in &queues {
        let exchange = format!("{declaration:?}");
        publisher.declare(&exchange, queue, *declaration).await;
        publisher.publish(&exchange, queue, queue).await;
    }
    let connection = amqp::connect(broker.url()).await;
    let mut consumer = consume(&connection, &queues[2].1).await;
    consumer.next().await.unwrap().unwrap();
    let port = broker.port();

    broker.stop();
    assert!(amqp::try_connect(broker.url()).await.is_err());
    let end = tokio::time::timeout(Duration::from_secs(30), consumer.next())
        .await
        .unwrap();
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    assert!(
        publisher
            .try_publish("Durable", &queues[0].1, "lost")
            .await
            .is_err()
    );
    broker.start();

    assert_eq!(broker.port(), port);
    let after = Publisher::connect(broker.url()).await;
    assert_eq!(after.message_count(&queues[2].1).await, None, "transient");
    let connection = amqp::connect(broker.url()).await;
    let channel = connection.create_channel().await.unwrap();
    for (_, queue) in &queues[..2] {
        let kept = channel
            .basic_get(queue.as_str().into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap();
        assert_eq!(kept.unwrap().delivery.data, queue.as_bytes());
        let rest = channel
            .basic_get(queue.as_str().into(), BasicGetOptions { no_ack: true })
            .await
            .unwrap();
        assert!(rest.is_none(), "{queue} has one message");
    }
}

#[tokio::test]
async fn a_frozen_broker_answers_no_client_and_continues_where_it_was() {
    let broker = Broker::private();
    let publisher = Publisher::connect(broker.url()).await;
    publisher
        .declare("openstack", "frozen.info", Declaration::Transient)
        .await;
    publisher
        .publish("openstack", "frozen.info", "before")
        .await;

    broker.pause();
    let waiting = publisher.try_publish("openstack", "frozen.info", "meanwhile");
    let mut waiting = std::pin::pin!(waiting);
    assert!(
        tokio::time::timeout(Duration::from_secs(2), &mut waiting)
            .await
            .is_err(),
        "no answer"
    );
    broker.unpause();

    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(publisher.message_count("frozen.info").await, Some(2));
}

#[tokio::test]
async fn a_private_broker_can_be_ruled_and_a_restart_keeps_its_users() {
    let broker = Broker::private();
    broker.add_user("esi", "secret");
    let url = broker.url().replace("guest:guest", "esi:secret");
    amqp::connect(&url).await;

    broker.restart();

    amqp::connect(&url).await;
    broker.rabbitmqctl(&["change_password", "esi", "another"]);
    let refusal = amqp::try_connect(&url).await.unwrap_err();
    assert!(refusal.contains("ACCESS_REFUSED"), "{refusal}");
    assert!(broker.rabbitmqctl(&["list_users"]).contains("esi"));
}

/// Whether anything accepts connections there; Docker's proxy counts, because it goes too.
fn is_open(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_private_broker_goes_even_if_its_process_is_killed() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "broker::a_frozen_broker_answers_no_client_and_continues_where_it_was",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(victim.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let address = said
        .find_map(|line| {
            Some(
                line.strip_prefix("broker: ")?
                    .rsplit_once(" at ")?
                    .1
                    .to_owned(),
            )
        })
        .expect("it says where its broker is");
    let started = Instant::now();
    while !is_open(&address) {
        assert!(
            started.elapsed() < Duration::from_secs(180),
            "nothing opened {address}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }

    victim.kill().unwrap();
    victim.wait().unwrap();

    let killed = Instant::now();
    while is_open(&address) {
        assert!(
            killed.elapsed() < Duration::from_secs(60),
            "{address} is still open"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
