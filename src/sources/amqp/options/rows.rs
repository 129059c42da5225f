//! The rows of the options that say how to reach the bus, and what to consume there.

use crate::config::table::{Kind, OptionRow, Scope};

/// How to reach a broker.
pub(in crate::sources::amqp) const BROKER: [OptionRow; 12] = [
    OptionRow {
        name: "transport_url",
        scope: Scope::Service,
        kind: Kind::SecretUrl,
        default: None,
        meaning: "the URL from `esi-leap.conf`: \
                  `rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1`. Several hosts \
                  are tried in turn, and all addresses of each. As in that file, `$$` is a dollar sign; a \
                  reference to another option of it (`$name`) is refused",
    },
    OptionRow {
        name: "user",
        scope: Scope::Service,
        kind: Kind::Text,
        default: None,
        meaning: "the user name at the broker, instead of `transport_url`",
    },
    OptionRow {
        name: "password",
        scope: Scope::Service,
        kind: Kind::Secret,
        default: None,
        meaning: "the password of `user`; here, too, a `#` or `;` after white space begins a comment",
    },
    OptionRow {
        name: "password_file",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "a file whose first line is the password; a relative name is looked for among systemd's \
                  credentials, then beside the configuration",
    },
    OptionRow {
        name: "host",
        scope: Scope::Service,
        kind: Kind::Text,
        default: None,
        meaning: "the broker's name or address, instead of `transport_url`",
    },
    OptionRow {
        name: "port",
        scope: Scope::Service,
        kind: Kind::Number(1, 65_535),
        default: None,
        meaning: "the broker's port; `5672` if it is not set, with TLS `5671`",
    },
    OptionRow {
        name: "vhost",
        scope: Scope::Service,
        kind: Kind::Text,
        default: Some("/"),
        meaning: "the virtual host",
    },
    OptionRow {
        name: "ssl",
        scope: Scope::Service,
        kind: Kind::Switch,
        default: Some("no"),
        meaning: "TLS; the broker's certificate is always verified",
    },
    OptionRow {
        name: "ssl_ca_file",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "certificates (PEM) to trust besides those of the system",
    },
    OptionRow {
        name: "ssl_cert_file",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "the client certificate (PEM), if the broker asks for one",
    },
    OptionRow {
        name: "ssl_key_file",
        scope: Scope::Service,
        kind: Kind::Path,
        default: None,
        meaning: "the key (PEM) of `ssl_cert_file`",
    },
    OptionRow {
        name: "rabbit_login_method",
        scope: Scope::Service,
        kind: Kind::Choice(&["PLAIN", "AMQPLAIN", "EXTERNAL"]),
        default: Some("PLAIN"),
        meaning: "`PLAIN` or `AMQPLAIN`: by user and password; `EXTERNAL`: by the client certificate alone, \
                  for which the broker needs its plugin rabbitmq_auth_mechanism_ssl",
    },
];

const QUEUES: OptionRow = OptionRow {
    name: "queues",
    scope: Scope::Service,
    kind: Kind::List,
    default: None,
    meaning: "the queues that `listen` consumes, as they are; it waits for those that do not exist yet",
};

const DECLARE_QUEUES: OptionRow = OptionRow {
    name: "declare_queues",
    scope: Scope::Service,
    kind: Kind::Choice(&["no", "transient", "durable", "quorum"]),
    default: Some("no"),
    meaning: "declare missing queues and bind them to `exchange`: as `transient`, `durable` or \
              `quorum`, whichever ESI Leap is set to",
};

const EXCHANGE: OptionRow = OptionRow {
    name: "exchange",
    scope: Scope::Service,
    kind: Kind::Text,
    default: Some("openstack"),
    meaning: "the exchange that `declare_queues` binds queues to",
};

pub(in crate::sources::amqp) const HEARTBEAT: OptionRow = OptionRow {
    name: "heartbeat",
    scope: Scope::Service,
    kind: Kind::Seconds(1, 3_600),
    default: Some("60s"),
    meaning: "how often both ends of the connection to the broker send a sign of life",
};

pub(in crate::sources::amqp) const PREFETCH: OptionRow = OptionRow {
    name: "prefetch",
    scope: Scope::Service,
    kind: Kind::Number(1, 65_535),
    default: Some("200"),
    meaning: "how many unacknowledged deliveries a queue may have. Whatever this says, at most 32 MiB \
              per connection and one message per queue are held in memory; the rest stays with the \
              broker. While the journal cannot be written, received deliveries are returned to their \
              queue",
};

/// All of the bus.
pub const OPTIONS: [OptionRow; 17] = with_broker(
    &BROKER,
    [QUEUES, DECLARE_QUEUES, EXCHANGE, HEARTBEAT, PREFETCH],
);

/// The rows that say how to reach a broker, and others behind them.
pub(in crate::sources::amqp) const fn with_broker<const OTHERS: usize, const ALL: usize>(
    broker: &[OptionRow; 12],
    others: [OptionRow; OTHERS],
) -> [OptionRow; ALL] {
    let mut all = [broker[0]; ALL];
    let mut at = 0;
    while at < ALL {
        all[at] = if at < broker.len() {
            broker[at]
        } else {
            others[at - broker.len()]
        };
        at += 1;
    }
    all
}
