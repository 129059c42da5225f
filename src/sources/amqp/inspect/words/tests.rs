use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::amqp::Broker;
use crate::config::Password;

fn amqp() -> Amqp {
    let endpoint = Endpoint {
        host: "rabbit".to_owned(),
        port: 5672,
        user: "esi".to_owned(),
        password: Password::Text("hidden".into()),
    };
    Amqp {
        broker: Broker {
            endpoints: vec![endpoint],
            vhost: "a b".to_owned(),
            heartbeat: Duration::from_secs(60),
            tls: None,
            login_method: LoginMethod::Plain,
        },
        queues: vec!["q".to_owned()],
        declare_queues: DeclareQueues::No,
        exchange: "openstack".to_owned(),
        bindings: Vec::new(),
        prefetch: 200,
    }
}

fn asking(listens: Option<bool>) -> Asking<'static> {
    Asking {
        folder: Path::new("/"),
        listens,
    }
}

fn queue(declared: Declared, consumers: u32) -> Found {
    Found::Queue {
        ready: 1,
        consumers,
        declared: Ok(declared),
        withheld: None,
    }
}

fn with(arguments: &[(&str, Argument)]) -> Declared {
    let arguments = arguments.iter();
    let arguments: BTreeMap<_, _> = arguments
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    Declared {
        arguments,
        ..Declared::default()
    }
}

/// What is told of a queue of the bus, and the problems with it.
fn told(found: &Found, listens: Option<bool>) -> (String, Vec<String>) {
    let (amqp, asking) = (amqp(), asking(listens));
    let words = Words {
        amqp: &amqp,
        of_bus: true,
        asking: &asking,
    };
    let problems = words.problems("q", found).into_iter();
    let problems = problems.map(|problem| problem.message).collect();
    (words.queue("q", found), problems)
}

#[test]
fn a_queue_that_loses_nothing_is_no_problem() {
    let quorum = with(&[
        ("x-queue-type", Argument::Text("quorum".to_owned())),
        ("x-delivery-limit", Argument::Number(5)),
    ]);
    let (line, problems) = told(&queue(quorum, 1), Some(true));
    let expected =
        "queue q: quorum, durable, x-delivery-limit 5; 1 message ready, 1 consumer: this service";
    assert_eq!(line, expected);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn each_way_to_lose_messages_is_told() {
    let text = |text: &str| Argument::Text(text.to_owned());
    let number = Argument::Number;
    let cases = [
        (
            Declared {
                durable: false,
                ..with(&[])
            },
            "is transient",
        ),
        (
            Declared {
                auto_delete: true,
                ..with(&[])
            },
            "goes with its last consumer (auto-delete)",
        ),
        (with(&[("x-queue-type", text("stream"))]), "is a stream"),
        (
            with(&[("x-expires", number(90_500))]),
            "is deleted with what is in it once it has had no consumer for 90.5s",
        ),
        (
            with(&[("x-message-ttl", number(60_000))]),
            "keeps messages for 60s only: an older one is lost",
        ),
        (
            with(&[
                ("x-message-ttl", number(1)),
                ("x-dead-letter-exchange", text("dlx")),
            ]),
            "keeps messages for 1ms only: an older one goes to exchange `dlx` instead",
        ),
        (
            with(&[("x-max-length", number(1))]),
            "holds at most 1 message: when it is full, the oldest one is lost",
        ),
        (
            with(&[
                ("x-max-length-bytes", number(10)),
                ("x-overflow", text("reject-publish-dlx")),
            ]),
            "holds at most 10 bytes: when it is full, a new one is refused to its sender",
        ),
    ];
    for (declared, expected) in cases {
        let (_, problems) = told(&queue(declared, 0), Some(true));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("queue q {expected}")),
            "{problems:?}"
        );
    }
    let harmless = [
        ("x-dead-letter-exchange", text("dlx")),
        ("x-overflow", text("drop-head")),
        ("x-single-active-consumer", Argument::Switch(true)),
    ];
    let (_, problems) = told(&queue(with(&harmless), 0), None);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn consumers_besides_us_are_told_as_far_as_it_is_known_which_one_we_are() {
    for (consumers, listens, line, problem) in [
        (0, Some(true), "no consumer", None),
        (0, None, "no consumer", None),
        (1, Some(true), "1 consumer: this service", None),
        (1, None, "1 consumer, which may be this service", None),
        (
            1,
            Some(false),
            "1 consumer",
            Some("has 1 consumer, while no service"),
        ),
        (
            2,
            Some(true),
            "2 consumers, one of which is this service",
            Some("has 1 other consumer, and"),
        ),
        (2, None, "2 consumers", Some("has 1 other consumer, and")),
        (
            3,
            Some(false),
            "3 consumers",
            Some("has 3 consumers, while no service"),
        ),
    ] {
        let (told, problems) = told(&queue(with(&[]), consumers), listens);
        assert!(told.ends_with(&format!(" ready, {line}")), "{told}");
        let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
        match (problem, problems.as_slice()) {
            (None, []) => {}
            (Some(expected), [found]) => assert!(found.contains(expected), "{found}"),
            other => panic!("{consumers} {listens:?}: {other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_told_is_told_as_that() {
    let (line, problems) = told(&Found::Missing, None);
    assert_eq!(
        line,
        "queue q: does not exist yet; ESI Leap declares it with its first message"
    );
    assert_eq!(problems, ["queue q does not exist"]);
    let refused = "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'esi'";
    let unread = Found::Queue {
        ready: 0,
        consumers: 0,
        declared: Err(refused.to_owned()),
        withheld: Some("the user lacks a permission".to_owned()),
    };
    let (line, problems) = told(&unread, None);
    assert_eq!(
        line,
        "queue q: how it is declared is told only to users who may configure it; 0 messages ready, no consumer"
    );
    assert_eq!(
        problems,
        ["queue q cannot be consumed: the user lacks a permission"]
    );
    let locked = "another connection uses it exclusively";
    let (line, problems) = told(&Found::Withheld(locked.to_owned()), None);
    assert_eq!(line, format!("queue q: not told: {locked}"));
    assert_eq!(problems, [format!("queue q cannot be consumed: {locked}")]);
}

#[test]
fn what_is_declared_at_the_start_is_not_missed() {
    let (mut amqp, asking) = (amqp(), asking(None));
    amqp.declare_queues = DeclareQueues::Quorum;
    let words = Words {
        amqp: &amqp,
        of_bus: true,
        asking: &asking,
    };
    assert!(words.problems("q", &Found::Missing).is_empty());
    let line = words.queue("q", &Found::Missing);
    assert!(line.ends_with("this service declares it when it starts"));
}

#[test]
fn only_of_the_bus_it_is_told_what_esi_leap_has_to_say() {
    let (amqp, asking) = (amqp(), asking(None));
    for of_bus in [true, false] {
        let words = Words {
            amqp: &amqp,
            of_bus,
            asking: &asking,
        };
        let told = words.beyond_amqp().join("\n");
        assert!(
            told.contains("`rabbitmqctl list_bindings -p 'a b'`"),
            "{told}"
        );
        assert_eq!(
            told.contains("rabbit://esi:***@rabbit:5672/a%20b "),
            of_bus,
            "{told}"
        );
        assert!(!told.contains("hidden"), "{told}");
        let transient = Declared {
            durable: false,
            ..Declared::default()
        };
        let hint = &words.problems("q", &queue(transient, 0))[0].hint;
        assert_eq!(hint.contains("amqp_durable_queues"), of_bus, "{hint}");
    }
}
