mod decoding;
mod journals;
mod login;
mod table;

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::*;
use crate::config::Password;
use crate::core::event::Event;
use crate::core::rules::{Rule, Step};
use crate::sources::history::options::HistoryClient;

const BUS: &str = "transport_url = rabbit://u:p@h/\n";
const QUEUES: &str = "queues = q\n";
const RULE: &str = "events = e\nscript = s\n";

/// The configuration that a file in `/etc/esi` of this text gives.
fn config(text: &str) -> Config<Listen> {
    let reading = read_for_listen(text, Path::new("/etc/esi/listener.conf"));
    let report = reading.problems.report("listener.conf").to_string();
    reading.config.unwrap_or_else(|| panic!("{text}\n{report}"))
}

fn bus(config: &Config<Listen>) -> &Amqp {
    &config.feed.bus.as_ref().expect("a bus").1
}

fn hosts(config: &Config<Listen>) -> String {
    let shown = bus(config).broker.endpoints.iter().map(|end| {
        let password = match &end.password {
            Password::Text(text) => text.expose_secret().to_owned(),
            Password::File { name, folder } => {
                format!("{} in {}", name.display(), folder.display())
            }
        };
        format!("{}:{} {} {password}", end.host, end.port, end.user)
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn tls(config: &Config<Listen>) -> String {
    format!("{:?}", bus(config).broker.tls)
}

type Shown = fn(&Config<Listen>) -> String;

/// Lines of a rule, what to look at, and what should be there.
type RuleCase = (&'static str, fn(&Rule) -> String, &'static str);

fn first_step(rule: &Rule) -> &Step {
    rule.chain.step(None).expect("every rule has a first step")
}

#[test]
fn options_of_the_bus_become_settings() {
    let parts = "user = u\npassword = 50%%\nhost = h\n";
    let cases: &[(&str, Shown, &str)] = &[
        (parts, hosts, "h:5672 u 50%"),
        (
            "user = u\npassword = a b\nhost = ::1\nport = 1\n",
            hosts,
            "::1:1 u a b",
        ),
        (
            "user = u\npassword = p\nhost = h\nssl = on\n",
            hosts,
            "h:5671 u p",
        ),
        (
            "user = u\npassword_file = pw\nhost = h\n",
            hosts,
            "h:5672 u pw in /etc/esi",
        ),
        (
            "transport_url = rabbit://a:b%40@h1,c:d@h2:2/v?ssl=1\n",
            hosts,
            "h1:5671 a b@, h2:2 c d",
        ),
        (
            "transport_url = rabbit://a:b@h1,h2/\nuser = u\npassword_file = /pw\n",
            hosts,
            "h1:5672 a b, h2:5672 u /pw in /etc/esi",
        ),
        (BUS, |config| bus(config).broker.vhost.clone(), "/"),
        (
            "transport_url = rabbit://u:p@h/v%2F1\n",
            |config| bus(config).broker.vhost.clone(),
            "v/1",
        ),
        (
            "transport_url = rabbit://u:p@h/v\nvhost = other\n",
            |config| bus(config).broker.vhost.clone(),
            "other",
        ),
        (
            BUS,
            |config| format!("{:?}", bus(config).broker.heartbeat),
            "60s",
        ),
        (
            "transport_url = rabbit://u:p@h/\nheartbeat = 1m\n",
            |config| format!("{:?}", bus(config).broker.heartbeat),
            "60s",
        ),
        (
            "transport_url = rabbit://u:p@h/\nheartbeat = 5\n",
            |config| format!("{:?}", bus(config).broker.heartbeat),
            "5s",
        ),
        (BUS, tls, "None"),
        (
            "transport_url = amqps://u:p@h/\n",
            tls,
            "Some(Tls { ca_file: None, identity: None })",
        ),
        (
            "transport_url = rabbit://u:p@h/?ssl=1\nssl = no\n",
            tls,
            "None",
        ),
        (
            "transport_url = rabbit://u:p@h/\nssl = yes\nssl_ca_file = ca.pem\n\
             ssl_cert_file = /c.pem\nssl_key_file = ../k.pem\n",
            tls,
            "Some(Tls { ca_file: Some(\"/etc/esi/ca.pem\"), \
             identity: Some((\"/c.pem\", \"/etc/esi/../k.pem\")) })",
        ),
        (BUS, |config| bus(config).exchange.clone(), "openstack"),
        (
            "transport_url = rabbit://u:p@h/\nexchange = esi\n",
            |config| bus(config).exchange.clone(),
            "esi",
        ),
        (BUS, |config| bus(config).prefetch.to_string(), "200"),
        (
            "transport_url = rabbit://u:p@h/\nprefetch = 65535\n",
            |config| bus(config).prefetch.to_string(),
            "65535",
        ),
        (
            BUS,
            |config| format!("{:?}", bus(config).declare_queues),
            "No",
        ),
        (
            "transport_url = rabbit://u:p@h/\ndeclare_queues = Quorum\n",
            |config| format!("{:?}", bus(config).declare_queues),
            "Quorum",
        ),
    ];
    for (lines, shown, expected) in cases {
        let config = config(&format!("[DEFAULT]\n{lines}{QUEUES}[r]\n{RULE}"));
        assert_eq!(shown(&config), *expected, "{lines}");
    }
}

#[test]
fn options_of_the_service_become_settings() {
    let cases: &[(&str, Shown, &str)] = &[
        (
            "queues = a, b,,\n  c,a\n",
            |config| bus(config).queues.join("|"),
            "a|b|c",
        ),
        ("", |config| format!("{:?}", config.state_dir), "None"),
        (
            "state_dir = state\n",
            |config| format!("{:?}", config.state_dir),
            "Some(\"/etc/esi/state\")",
        ),
        ("", |config| config.max_parallel.to_string(), "8"),
        (
            "max_parallel = 1\n",
            |config| config.max_parallel.to_string(),
            "1",
        ),
        ("", |config| format!("{:?}", config.stop_timeout), "30s"),
        (
            "stop_timeout = 0\n",
            |config| format!("{:?}", config.stop_timeout),
            "0ns",
        ),
        (
            "",
            |config| format!("{:?}", config.retention.age),
            "2592000s",
        ),
        (
            "keep_for = 1d\n",
            |config| format!("{:?}", config.retention.age),
            "86400s",
        ),
        ("", |config| config.retention.number.to_string(), "100000"),
        (
            "keep_events = 7\n",
            |config| config.retention.number.to_string(),
            "7",
        ),
        (
            "",
            |config| config.path.display().to_string(),
            "/etc/esi/listener.conf",
        ),
        (
            "",
            |config| config.folder().display().to_string(),
            "/etc/esi",
        ),
        (
            "site = boston\nscript = %(site)s.sh\n",
            |config| {
                let event = Event::new("1".into(), "e".into(), String::new(), None, Value::Null);
                config.actions["i"].describe(&event, &Arc::default()).line
            },
            "boston.sh",
        ),
    ];
    for (lines, shown, expected) in cases {
        let queues = if lines.contains("queues") { "" } else { QUEUES };
        let inheriting = if lines.contains("script") {
            "[i]\nevents = e\n"
        } else {
            ""
        };
        let text = format!("[DEFAULT]\n{BUS}{queues}{lines}[r]\n{RULE}{inheriting}");
        assert_eq!(shown(&config(&text)), *expected, "{lines}");
    }
}

#[test]
fn a_section_becomes_a_rule() {
    let events = |rule: &Rule| {
        let texts = rule
            .events
            .iter()
            .map(crate::core::rules::EventPattern::as_str);
        texts.collect::<Vec<_>>().join("|")
    };
    let filters = |rule: &Rule| {
        let shown = rule
            .filters
            .iter()
            .map(|filter| format!("{}: {filter}", filter.path().expect("a path")));
        shown.collect::<Vec<_>>().join(", ")
    };
    let asks = |rule: &Rule| {
        let asks = rule
            .asks
            .iter()
            .map(|(option, path)| format!("{option} {path}"));
        asks.collect::<Vec<_>>().join("|")
    };
    let throttle = |rule: &Rule| {
        rule.throttle.as_ref().map_or("none".to_owned(), |own| {
            let by: Vec<_> = own.by.iter().map(ToString::to_string).collect();
            format!("{} by [{}]", own.throttle, by.join(" "))
        })
    };
    let cases: &[RuleCase] = &[
        ("events = a.b , c.*.d\n", events, "a.b|c.*.d"),
        ("", asks, ""),
        (
            "script_params = a, b.0.c\n",
            asks,
            "script_params a|script_params b.0.c",
        ),
        ("", filters, ""),
        (
            "filter_params = {\"b\": \"^x # y\",  # a comment\n  \"a\": [1, null, true]}\n",
            filters,
            "b: text matching \"^x # y\", a: the number 1 or null or nothing or true",
        ),
        ("", |rule| format!("{:?}", rule.order_by.is_some()), "false"),
        (
            "order_by = owner_id\n",
            |rule| {
                rule.order_by
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default()
            },
            "owner_id",
        ),
        ("", throttle, "none"),
        ("once_within = 10m\n", throttle, "once_within = 10m by []"),
        ("once_after = 90\n", throttle, "once_after = 90s by []"),
        (
            "threshold = 3 within 1h\nthrottle_by = owner_id, $.properties['a,b']\n",
            throttle,
            "threshold = 3 within 1h by [owner_id $.properties['a,b']]",
        ),
        ("", |rule| first_step(rule).retry.retries.to_string(), "0"),
        (
            "retries = 3\n",
            |rule| first_step(rule).retry.retries.to_string(),
            "3",
        ),
        (
            "",
            |rule| format!("{:?}", first_step(rule).retry.first_delay),
            "10s",
        ),
        (
            "retry_delay = 1\n",
            |rule| format!("{:?}", first_step(rule).retry.first_delay),
            "1s",
        ),
        ("", |rule| rule.enabled.to_string(), "true"),
        ("enabled = Off\n", |rule| rule.enabled.to_string(), "false"),
        ("", |rule| rule.name.clone(), "r"),
    ];
    for (lines, shown, expected) in cases {
        let given: Vec<&str> = RULE
            .split_inclusive('\n')
            .filter(|line| !lines.starts_with(&line[..line.len() - 2]))
            .collect();
        let given = given.concat();
        // Said in the rule or in [DEFAULT] is the same.
        for text in [
            format!("[DEFAULT]\n{BUS}{QUEUES}[r]\n{given}{lines}"),
            format!("[DEFAULT]\n{BUS}{QUEUES}{lines}[r]\n{given}"),
        ] {
            assert_eq!(shown(&config(&text).rules.all()[0]), *expected, "{text}");
        }
    }
}

#[test]
fn debug_shows_no_password() {
    for bus in [
        "transport_url = rabbit://u:hidden@h/\n",
        "user = u\npassword = hidden\nhost = h\n",
    ] {
        let config = config(&format!("[DEFAULT]\n{bus}{QUEUES}[r]\n{RULE}"));
        assert!(!format!("{config:?}").contains("hidden"), "{config:?}");
    }
}

#[test]
fn options_of_the_history_become_settings_and_those_of_the_bus_are_not_looked_at() {
    let history = |text: &str| {
        let text = format!("[DEFAULT]\nuser = <user>\n{text}[r]\n{RULE}");
        read_for_history(&text, Path::new("f"))
            .config
            .map(|config| config.feed)
    };
    let default = History {
        cloud: None,
        client: HistoryClient::Openstack(vec!["openstack".into()]),
        client_timeout: Duration::from_secs(60),
        overlap: 200,
        lease_retry: crate::core::retry::RetryPolicy {
            retries: 6,
            first_delay: Duration::from_secs(60),
        },
    };
    assert_eq!(history(""), Some(default.clone()));
    let command = HistoryClient::Openstack(vec!["a b".into(), "--insecure".into()]);
    let cases = [
        (
            "openstack_command = 'a b' --insecure\n",
            Some(command.clone()),
        ),
        (
            "client = openstack\nopenstack_command = \"a b\" --insecure\n",
            Some(command),
        ),
        ("client = native\n", Some(HistoryClient::Native)),
        ("client = other\n", None),
        ("openstack_command = 'a\n", None),
    ];
    for (text, client) in cases {
        assert_eq!(
            history(text).map(|history| history.client),
            client,
            "{text}"
        );
    }
    let text =
        "client_timeout = 5m\nhistory_overlap = 0\nlease_retries = 0\nlease_retry_delay = 1s\n";
    let told = history(text).unwrap();
    assert_eq!(told.client_timeout, Duration::from_secs(300));
    assert_eq!(told.overlap, 0);
    assert_eq!(told.lease_retry.retries, 0);
    assert_eq!(told.lease_retry.first_delay, Duration::from_secs(1));
    for text in ["client_timeout = 0\n", "history_overlap = -1\n"] {
        assert_eq!(history(text), None, "{text}");
    }
}
