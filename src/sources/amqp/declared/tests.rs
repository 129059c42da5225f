use super::*;

/// A refusal as RabbitMQ words it.
fn refused(name: &str, rest: &str) -> String {
    format!("PRECONDITION_FAILED - inequivalent arg '{name}' for queue 'q' in vhost '/': {rest}")
}

fn learned(refusals: &[(Probe, String)]) -> (Declared, Vec<Option<Learned>>) {
    let mut declared = Declared::default();
    let told = refusals.iter();
    let told = told.map(|(probe, refusal)| declared.learn(*probe, refusal));
    let told = told.collect();
    (declared, told)
}

#[test]
fn a_queue_is_known_from_the_differences_that_a_broker_names() {
    let ttl = PROBES[1];
    let (declared, told) = learned(&[
        (
            EXPIRES,
            refused("durable", "received 'true' but current is 'false'"),
        ),
        (
            EXPIRES,
            refused("auto_delete", "received 'false' but current is 'true'"),
        ),
        (
            EXPIRES,
            refused("x-expires", "received '-1' but current is '100000'"),
        ),
        (
            ttl,
            refused(
                "x-max-length",
                "received none but current is the value '10' of type 'signedint'",
            ),
        ),
        (
            ttl,
            refused(
                "x-overflow",
                "received none but current is the value 'reject-publish' of type 'longstr'",
            ),
        ),
        (
            ttl,
            refused(
                "x-single-active-consumer",
                "received none but current is the value 'true' of type 'bool'",
            ),
        ),
        (
            ttl,
            refused(
                "x-message-ttl",
                "received the value '-1' of type 'signedint' but current is none",
            ),
        ),
    ]);
    let (answer, difference) = (Some(Learned::Answer), Some(Learned::Difference));
    assert_eq!(
        told,
        [
            difference, difference, answer, difference, difference, difference, answer
        ]
    );
    assert_eq!((declared.durable, declared.auto_delete), (false, true));
    let arguments: Vec<String> = declared
        .arguments
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    assert_eq!(
        arguments,
        [
            "x-expires 100000",
            "x-max-length 10",
            "x-overflow reject-publish",
            "x-single-active-consumer true"
        ]
    );
    assert_eq!(declared.kind(), "classic");
}

#[test]
fn a_difference_that_is_not_understood_teaches_nothing() {
    let kind = "received none but current is the value 'stream' of type 'longstr'";
    for (text, expected) in [
        (
            refused("x-queue-type", kind),
            Some(Learned::Difference),
        ),
        // A name may hold what the text is taken apart by.
        (
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue ''auto_delete' for queue but \
             current is ' in vhost '/': received 'true' but current is 'false'"
                .to_owned(),
            Some(Learned::Difference),
        ),
        (refused("durable", "received 'true' but current is 'maybe'"), None),
        (
            refused(
                "x-odd",
                "received none but current is the value '[1]' of type 'array'",
            ),
            None,
        ),
        (refused("x-odd", "received 'a' but current is 'b'"), None),
        (refused("x-expires", "something else"), None),
        (
            "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'q' in vhost '/': \
             {value_negative,-1}"
                .to_owned(),
            None,
        ),
        (
            "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'u'".to_owned(),
            None,
        ),
        // Without the code in front it is no refusal of this kind.
        (refused("x-queue-type", kind)[22..].to_owned(), None),
    ] {
        let mut declared = Declared::default();
        assert_eq!(declared.learn(EXPIRES, &text), expected, "{text}");
    }
}

#[test]
fn what_is_declared_next_says_all_that_is_known_and_one_thing_that_cannot_be() {
    let mut declared = Declared::default();
    let ttl = "received none but current is the value '5000000000' of type 'long'";
    declared.learn(EXPIRES, &refused("x-message-ttl", ttl));
    let kind = "received 'impossible' but current is 'quorum'";
    declared.learn(Probe::Kind, &refused("x-queue-type", kind));
    assert_eq!(declared.kind(), "quorum");
    for probe in PROBES {
        let table = declared.impossible(probe);
        let wrong = match probe {
            Probe::Kind => AMQPValue::LongString("impossible".into()),
            Probe::Size(_) => AMQPValue::LongInt(-1),
        };
        assert_eq!(table.inner().get(probe.name()), Some(&wrong), "{probe:?}");
        if probe != PROBES[1] {
            let kept = table.inner().get("x-message-ttl");
            assert_eq!(kept, Some(&AMQPValue::LongLongInt(5_000_000_000)));
        }
    }
}

#[test]
fn the_kind_is_told_also_where_the_broker_has_a_default_for_it() {
    for (text, kind) in [
        ("received 'classic' but current is 'quorum'", "quorum"),
        ("received 'quorum' but current is 'classic'", "classic"),
        (
            "received none but current is the value 'stream' of type 'longstr'",
            "stream",
        ),
    ] {
        let (declared, told) = learned(&[(EXPIRES, refused("x-queue-type", text))]);
        assert_eq!(
            (told, declared.kind()),
            (vec![Some(Learned::Difference)], kind)
        );
    }
}

#[test]
fn a_queue_goes_without_consumers_if_it_says_so() {
    for (refusal, stays) in [
        (
            refused("x-expires", "received '-1' but current is '1'"),
            false,
        ),
        (
            refused(
                "x-expires",
                "received the value '-1' of type 'signedint' but current is none",
            ),
            true,
        ),
        (
            refused("auto_delete", "received 'false' but current is 'true'"),
            false,
        ),
        (
            refused("durable", "received 'true' but current is 'false'"),
            true,
        ),
    ] {
        let (declared, _) = learned(&[(EXPIRES, refusal.clone())]);
        assert_eq!(declared.outlives_consumers(), stays, "{refusal}");
    }
    let transient = Declared {
        durable: false,
        ..Declared::default()
    };
    assert!(!transient.leaves_open(Probe::Kind), "it is classic");
    assert!(transient.leaves_open(EXPIRES));
}
