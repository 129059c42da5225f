//! The options of topics of Kafka, and how they are read.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::memory::Start;
use super::{Kafka, Mechanism, SaslLogin};
use crate::config::table::{Kind, OptionRow};
use crate::config::{Options, Problem, Reported};
use crate::core::event::PayloadPath;
use crate::http::{Trust, TrustNames};
use crate::os::credentials::credential_file;
use crate::sources::KeyPath;
use crate::sources::posted::KEY;

/// The port of a broker that is named without one.
const PORT: u16 = 9092;

/// Where the key of a message is in its event.
const KEY_OF_MESSAGE: &str = "meta.key";

/// In the section of such a source.
pub(super) const OPTIONS: [OptionRow; 11] = [
    OptionRow::of_source(
        "brokers",
        Kind::List,
        None,
        "the brokers to begin with, which name all others: `host:port`, or `host` with port 9092. One of them has to be \
         there",
    ),
    OptionRow::of_source(
        "topics",
        Kind::List,
        None,
        "the topics that are read, all partitions of them. Those that do not exist are waited for",
    ),
    OptionRow::of_source(
        "start",
        Kind::Text,
        Some("latest"),
        "where a topic is begun when it is found for the first time: `latest`, with what is sent from then on; \
         `earliest`, with what is kept; or with what was sent at a time or later, like `2027-01-31T18:00Z`. Afterwards \
         it is gone on with where it was left",
    ),
    OptionRow {
        default: Some(KEY_OF_MESSAGE),
        meaning: "a path into the event's payload: runs of events with the same value there never overlap, and start \
                  in order. Where there is none, those of the whole source do; without `key`, those of messages with \
                  the same key do",
        ..KEY
    },
    OptionRow::of_source(
        "ssl",
        Kind::Switch,
        Some("no"),
        "TLS; the brokers' certificates are always verified",
    ),
    OptionRow::of_source(
        "ssl_ca_file",
        Kind::Path,
        None,
        "certificates (PEM) to trust besides those of the system",
    ),
    OptionRow::of_source(
        "ssl_cert_file",
        Kind::Path,
        None,
        "the client certificate (PEM), if the brokers ask for one",
    ),
    OptionRow::of_source(
        "ssl_key_file",
        Kind::Path,
        None,
        "the key (PEM) of `ssl_cert_file`",
    ),
    OptionRow::of_source(
        "sasl",
        Kind::Choice(&["plain", "scram-sha-256", "scram-sha-512"]),
        None,
        "how to log in, with `user` and `password_file`. With `plain` the password is sent, so it takes `ssl = yes`",
    ),
    OptionRow::of_source("user", Kind::Text, None, "the user of `sasl`"),
    OptionRow::of_source(
        "password_file",
        Kind::Path,
        None,
        "a file whose first line is the password of `user`; looked for among the credentials of systemd, then from the \
         configuration's folder. It is read for each connection",
    ),
];

/// How a time is written.
const START: &str =
    "write `latest`, `earliest`, or a time with its offset from UTC, like `2027-01-31T18:00Z`";

/// Reads them; `None` if a problem makes it no source.
pub(super) fn read(options: &mut Options<'_>, folder: &Path) -> Option<Kafka> {
    let ssl = options.switch("ssl");
    let trust = trust(options, folder, ssl);
    let brokers = brokers(options, ssl);
    let topics = topics(options);
    let start = options.parse("start", START, |text| {
        match text.to_ascii_lowercase().as_str() {
            "latest" => Some(Start::Latest),
            "earliest" => Some(Start::Earliest),
            _ => text.parse::<Timestamp>().ok().map(Start::At),
        }
    });
    let key = if options.lacks(KEY.name) {
        PayloadPath::parse(KEY_OF_MESSAGE).ok().map(KeyPath::at)
    } else {
        KeyPath::read(options)
    };
    let login = login(options, folder);
    let (trust, login) = (trust.ok()?, login.ok()?);
    if trust.is_none()
        && login
            .as_ref()
            .is_some_and(|login| login.mechanism == Mechanism::Plain)
    {
        let message = "with `sasl = plain` and without TLS, the password can be read on its way";
        let hint = "set `ssl = yes`, or use `scram-sha-512`, which does not send it";
        options.report_value("sasl", Problem::warning(message, hint));
    }
    Some(Kafka {
        brokers: brokers?,
        topics: topics?,
        start: start?,
        key: key?,
        trust,
        login,
    })
}

/// `HOST:PORT` of each.
fn brokers(options: &mut Options<'_>, has_tls: bool) -> Option<Vec<String>> {
    if options.lacks("brokers") {
        options.report_section(
            "expected `brokers` in the source, but found none",
            "name them, like `brokers = k1.example.org:9092, k2.example.org:9092`",
        );
        return None;
    }
    let items = options.items("brokers", "the address of a broker");
    let mut all = Vec::new();
    for (text, position) in items {
        let address = address(text, has_tls);
        if let (Err((message, hint)), Some(option)) = (&address, options.get("brokers")) {
            options.report(Problem::error(message.clone(), *hint), option, position);
        }
        all.push(address.ok());
    }
    let all: Option<Vec<String>> = all.into_iter().collect();
    all.filter(|all| !all.is_empty())
}

fn address(text: &str, has_tls: bool) -> Result<String, (String, &'static str)> {
    // Before an `@` may be a password.
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let expected = |hint| {
        let message = format!("expected `host:port` in `brokers`, but found `{shown}`");
        Err((message, hint))
    };
    if shown != text {
        return expected("write it without user and password: `user` and `password_file` say them");
    }
    if text.contains("://") {
        return expected("write it without what is before `://`; TLS is `ssl = yes`");
    }
    // Of an IPv6 address, the colons are no port's.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/,".contains(c);
    let is_v6 = host.contains(':');
    if host.is_empty() || host.contains(is_odd) || (is_v6 && !host.starts_with('[')) {
        return expected(
            "write it like `k1.example.org:9092`, an IPv6 address like `[2001:db8::1]:9092`",
        );
    }
    if is_v6 && has_tls {
        return expected("name the host: an IPv6 address cannot be used with TLS");
    }
    match port.map_or(Ok(PORT), str::parse) {
        Ok(port) if port > 0 => Ok(format!("{host}:{port}")),
        _ => expected("write a port from 1 to 65535 behind the colon"),
    }
}

fn topics(options: &mut Options<'_>) -> Option<Vec<String>> {
    if options.lacks("topics") {
        options.report_section(
            "expected `topics` in the source, but found none",
            "name them, like `topics = alarms, audit`",
        );
        return None;
    }
    let items = options.items("topics", "the name of a topic");
    let option = options.get("topics")?;
    let mut topics: Vec<String> = Vec::new();
    let mut is_good = true;
    for (name, position) in items {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.len() > 249 || matches!(name, "." | "..") || !name.bytes().all(is_name) {
            is_good = false;
            let message = format!("expected the name of a topic in `topics`, but found `{name}`");
            let hint = "a name has letters, digits, `.`, `_` and `-`, at most 249; separate names with commas";
            options.report(Problem::error(message, hint), option, position);
        } else if topics.iter().any(|known| known == name) {
            let message = format!("topic `{name}` is named twice");
            options.report(
                Problem::warning(message, "remove the second one"),
                option,
                position,
            );
        } else {
            topics.push(name.to_owned());
        }
    }
    (is_good && !topics.is_empty()).then_some(topics)
}

/// TLS, if it is switched on.
fn trust(options: &mut Options<'_>, folder: &Path, ssl: bool) -> Result<Option<Trust>, Reported> {
    let mut file = |name| options.path(name, folder);
    let (ca_file, certificate, key) = (
        file("ssl_ca_file"),
        file("ssl_cert_file"),
        file("ssl_key_file"),
    );
    if !ssl {
        for (name, file) in [
            ("ssl_ca_file", &ca_file),
            ("ssl_cert_file", &certificate),
            ("ssl_key_file", &key),
        ] {
            if file.is_some() {
                let message = format!("`{name}` has no meaning without TLS");
                let problem = Problem::warning(message, "set `ssl = yes`, or remove it");
                options.report_value(name, problem);
            }
        }
        return Ok(None);
    }
    let identity = both(
        options,
        ("ssl_cert_file", certificate),
        ("ssl_key_file", key),
        "a client certificate needs both",
    )?;
    Ok(Some(Trust {
        verify: true,
        ca_file,
        identity: identity.map(|(certificate, key)| (certificate, Some(key))),
        names: TrustNames {
            peer: "the broker",
            ca_file: "ssl_ca_file",
            certificate: Some("ssl_cert_file"),
            key: Some("ssl_key_file"),
        },
    }))
}

fn login(options: &mut Options<'_>, folder: &Path) -> Result<Option<SaslLogin>, Reported> {
    let is_given = !options.lacks("sasl");
    let hint = "write `plain`, `scram-sha-256` or `scram-sha-512`";
    let mechanism = options.parse("sasl", hint, |text| {
        match text.to_ascii_lowercase().as_str() {
            "plain" => Some(Mechanism::Plain),
            "scram-sha-256" => Some(Mechanism::ScramSha256),
            "scram-sha-512" => Some(Mechanism::ScramSha512),
            _ => None,
        }
    });
    let user = options.text("user").map(str::to_owned);
    let file = options.text("password_file");
    let file: Option<PathBuf> = file.map(|name| credential_file(Path::new(name), folder));
    let found = both(
        options,
        ("user", user),
        ("password_file", file),
        "a login needs both",
    )?;
    match (mechanism, found) {
        (Some(mechanism), Some((user, password_file))) => Ok(Some(SaslLogin {
            mechanism,
            user,
            password_file,
        })),
        (None, None) if !is_given => Ok(None),
        (None, Some(_)) if !is_given => {
            let message = "expected `sasl` beside `user`, but found none".to_owned();
            options.report_value("user", Problem::error(message, hint));
            Err(Reported)
        }
        (Some(_), None) => {
            let message = "expected `user` and `password_file` beside `sasl`, but found none";
            let hint = "name the user, and the file with its password";
            options.report_value("sasl", Problem::error(message, hint));
            Err(Reported)
        }
        (None, _) => Err(Reported),
    }
}

/// Two options of which each needs the other.
fn both<A, B>(
    options: &mut Options<'_>,
    (name, value): (&str, Option<A>),
    (other_name, other): (&str, Option<B>),
    why: &str,
) -> Result<Option<(A, B)>, Reported> {
    let (found, lacks) = match (value, other) {
        (Some(value), Some(other)) => return Ok(Some((value, other))),
        (None, None) => return Ok(None),
        (Some(_), None) => (name, other_name),
        (None, Some(_)) => (other_name, name),
    };
    let message = format!("expected `{lacks}` beside `{found}`, but found none");
    let problem = Problem::error(message, format!("set `{lacks}` too: {why}"));
    options.report_value(found, problem);
    Err(Reported)
}
