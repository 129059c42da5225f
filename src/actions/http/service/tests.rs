//! What each service takes, and what a message of several events says.

use super::*;

const ALL: [&Service; 4] = [&ROCKETCHAT, &SLACK, &MATTERMOST, &TEAMS];

#[test]
fn a_service_says_in_its_own_way_that_it_has_taken_a_message() {
    use Verdict::{Later, Refused, Succeeded};
    for (service, status, body, expected) in [
        (&ROCKETCHAT, 200, r#"{"success": true}"#, Succeeded),
        (
            &ROCKETCHAT,
            200,
            r#"{"success": false, "error": "invalid"}"#,
            Refused,
        ),
        (&ROCKETCHAT, 200, r#"{"success": "yes"}"#, Later(None)),
        (&ROCKETCHAT, 200, "<html>", Later(None)),
        (&ROCKETCHAT, 200, "", Later(None)),
        (&SLACK, 200, "ok", Succeeded),
        (&SLACK, 200, "ok\n", Succeeded),
        (&SLACK, 200, "<html>ok</html>", Later(None)),
        (&MATTERMOST, 200, "ok", Succeeded),
        (&MATTERMOST, 200, r#"{"id": "api.error"}"#, Later(None)),
        (&TEAMS, 202, "", Succeeded),
        (&TEAMS, 202, "anything", Succeeded),
        (&TEAMS, 200, "1", Succeeded),
        (
            &TEAMS,
            200,
            "Webhook message delivery failed with error: HTTP error 429",
            Later(None),
        ),
    ] {
        let found = (service.verdict)(status, body.as_bytes());
        assert_eq!(found, expected, "{} {status} {body}", service.name);
    }
}

#[test]
fn a_message_is_cut_with_a_mark_only_if_the_service_takes_no_more() {
    for service in ALL {
        for letter in ["x", "é", "\"", "\n", "\u{1f600}"] {
            let most = service.limit / (service.size)(letter.chars().next().unwrap());
            assert_eq!(service.cut(&letter.repeat(most), service.limit), None);
            let cut = service
                .cut(&letter.repeat(most + 1), service.limit)
                .unwrap();
            let size: usize = cut.chars().map(service.size).sum();
            assert!(
                cut.ends_with(CUT) && size <= service.limit && size + 8 > service.limit,
                "{} {size}",
                service.name
            );
        }
    }
}

#[test]
fn the_longest_card_is_one_that_teams_takes() {
    for letter in ["x", "\"", "\n", "\u{1f600}"] {
        let text = letter.repeat(30_000);
        let body = card(&TEAMS.cut(&text, TEAMS.limit).unwrap()).to_string();
        assert!((23_900..28_000).contains(&body.len()), "{}", body.len());
    }
}

#[test]
fn a_message_is_sent_as_the_service_reads_it() {
    let scope = Value::from("a\n<b>");
    let scope = Scope::new([("value", &scope)]);
    let bodies = ALL.map(|service| {
        let message = Template::parse("*{{ value }}*", service.place()).unwrap();
        let alone = Others::default();
        service.fill(&message, &scope, &alone).unwrap().body
    });
    let texts = [
        bodies[0]["text"].as_str(),
        bodies[1]["text"].as_str(),
        bodies[2]["text"].as_str(),
        bodies[3]["attachments"][0]["content"]["body"][0]["text"].as_str(),
    ];
    let expected = [
        "*a\n<\u{200b}b>*",
        "*a\n&lt;b&gt;*",
        "*a\n<\u{200b}b>*",
        "*a\n\n<\u{200b}b>*",
    ];
    assert_eq!(texts, expected.map(Some));
    let blank = Template::parse("{% if false %}x{% endif %}", SLACK.place()).unwrap();
    let why = SLACK.fill(&blank, &scope, &Others::default()).unwrap_err();
    assert!(why.contains("nothing is left"), "{why}");
}

/// What a message of events with these values says on this service, and what is told of it.
fn batch(service: &Service, values: &[Value], counted: u64) -> Result<(String, String), String> {
    let message = Template::parse("{{ value }}", service.place()).unwrap();
    let mut scopes: Vec<Scope> = values
        .iter()
        .map(|value| {
            let names = [("value", value)];
            Scope::new(names.into_iter().filter(|(_, value)| !value.is_null()))
        })
        .collect();
    let first = scopes.remove(0);
    let filled = service.fill(&message, &first, &Others { scopes, counted })?;
    let text = filled.body["text"].as_str().unwrap_or_default();
    Ok((text.to_owned(), filled.told_of))
}

#[test]
fn a_batch_has_a_line_for_each_event_and_counts_the_others() {
    let (a, b, none, blank) = (json!("a"), json!("b"), Value::Null, json!(" "));
    let cases = [
        (vec![&a], 0, "a", ""),
        (vec![&a, &b], 0, "a\nb", "2 events, and tells of 2"),
        (vec![&a], 1, "a\n… and 1 more", "2 events, and tells of 1"),
        (
            vec![&a, &b],
            17,
            "a\nb\n… and 17 more",
            "19 events, and tells of 2",
        ),
        // One of which nothing can be said keeps no other one from being told.
        (
            vec![&none, &a, &blank, &b],
            0,
            "a\nb\n… and 2 more",
            "4 events, and tells of 2; of one it cannot: there is no `value`",
        ),
    ];
    for (values, counted, text, told_of) in cases {
        let values: Vec<Value> = values.into_iter().cloned().collect();
        let found = batch(&SLACK, &values, counted).unwrap();
        let told_of = match told_of {
            "" => String::new(),
            told_of => format!("; the message is of {told_of}"),
        };
        assert_eq!(found, (text.to_owned(), told_of), "{values:?}");
    }
    let why = batch(&SLACK, &[none, blank], 3).unwrap_err();
    assert_eq!(why, "there is no `value`");
}

#[test]
fn a_batch_is_no_longer_than_the_service_takes() {
    for service in [&ROCKETCHAT, &SLACK, &MATTERMOST] {
        // As many as fit, and the mark behind them.
        let line = json!("x".repeat(999));
        let (text, _) = batch(service, &vec![line; 100], 7).unwrap();
        let named = text.lines().count() - 1;
        assert_eq!(
            named,
            service.limit / 1000 - usize::from(service.limit % 1000 < 16)
        );
        assert!(
            text.ends_with(&format!("x\n… and {} more", 107 - named)),
            "{named}"
        );
        assert!(text.chars().count() <= service.limit);
        // The first alone may be cut for it.
        let long = json!("x".repeat(service.limit));
        let (text, told_of) = batch(service, &[long, json!("b")], 0).unwrap();
        assert!(text.ends_with("x… (cut)\n… and 1 more"));
        assert!(told_of.ends_with("2 events, and tells of 1"), "{told_of}");
        assert!(text.chars().count() <= service.limit);
    }
}
