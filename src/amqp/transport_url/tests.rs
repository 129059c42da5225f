use super::*;
use secrecy::ExposeSecret;

fn shown(text: &str) -> String {
    let url = TransportUrl::parse(text).unwrap();
    let hosts = url.hosts.iter().map(|host| {
        let password = host
            .password
            .as_ref()
            .map_or("-", ExposeSecret::expose_secret);
        let user = host.user.as_deref().unwrap_or("-");
        format!("{user} {password} {} {}", host.name, host.port.unwrap_or(0))
    });
    let hosts: Vec<_> = hosts.collect();
    format!(
        "{} | {} | {:?} | {}",
        hosts.join(", "),
        url.vhost,
        url.ssl,
        url.ignored.join(" ")
    )
}

#[test]
fn urls_are_read_as_oslo_means_them() {
    let cases = [
        ("rabbit://u:p@h:5672/", "u p h 5672 | / | None | "),
        ("rabbit://u:p@h:5672", "u p h 5672 | / | None | "),
        ("rabbit://u:p@h:5672//", "u p h 5672 | / | None | "),
        ("rabbit://u:p@h/%2F", "u p h 0 | / | None | "),
        ("rabbit://u:p@h/esi?ssl=1", "u p h 0 | esi | Some(true) | "),
        (
            "rabbit://u:p@h:5672/?ssl=0",
            "u p h 5672 | / | Some(false) | ",
        ),
        ("amqps://u:p@h/", "u p h 0 | / | Some(true) | "),
        (
            "rabbit://u:p@h1:1,v:q@h2:2/x",
            "u p h1 1, v q h2 2 | x | None | ",
        ),
        (
            "rabbit://u:p%40%2F%3A%2C%25%C3%BC@h/",
            "u p@/:,%ü h 0 | / | None | ",
        ),
        ("rabbit://u:p/q@h:1/v", "u p/q h 1 | v | None | "),
        ("rabbit://u:5?x=y@h:1/v", "u 5?x=y h 1 | v | None | "),
        ("rabbit://h/", "- - h 0 | / | None | "),
        ("rabbit://u@[::1]:5672/", "u - ::1 5672 | / | None | "),
        (
            "rabbit://u:p@h/?ssl=1&a=b&c=d",
            "u p h 0 | / | Some(true) | a c",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}

/// What oslo.config 10.7 and oslo.messaging 18.3 made of these values, each in a file of its own. An
/// empty virtual host, and none, are `/` to its driver.
#[test]
fn what_oslo_reads_is_what_we_read() {
    let cases = [
        (
            "rabbit://u:pa$$word@h:5672//",
            "u pa$word h 5672 | / | None | ",
        ),
        (
            r"rabbit://u:pa\$word@h:5672/",
            "u pa$word h 5672 | / | None | ",
        ),
        (
            r"rabbit://u:pa\\$word@h:5672/",
            r"u pa\$word h 5672 | / | None | ",
        ),
        ("rabbit://u:p$1@h/", "u p$1 h 0 | / | None | "),
        ("rabbit://u:p$@h/", "u p$ h 0 | / | None | "),
        ("rabbit://u:p$-x@h/", "u p$-x h 0 | / | None | "),
        ("rabbit://u:p${my_name@h/", "u p${my_name h 0 | / | None | "),
        ("rabbit://u:p$$$$x@h/", "u p$$x h 0 | / | None | "),
        ("rabbit://u:p$é@h/", "u p$é h 0 | / | None | "),
        ("rabbit://u:p%24%24@h/", "u p$$ h 0 | / | None | "),
        ("rabbit://u:p%24my_name@h/", "u p$my_name h 0 | / | None | "),
        ("rabbit://u:p@h/%2F", "u p h 0 | / | None | "),
        ("rabbit://u:p@h/%2Fx", "u p h 0 | /x | None | "),
        ("rabbit://u:p@h//x", "u p h 0 | /x | None | "),
        ("rabbit://u:p@h/x/", "u p h 0 | x/ | None | "),
        ("rabbit://u:p@h///", "u p h 0 | // | None | "),
        ("rabbit://u:p@h/v;x", "u p h 0 | v;x | None | "),
        ("rabbit://u:p@h/v w", "u p h 0 | v w | None | "),
        ("rabbit://u:p@h/$$v", "u p h 0 | $v | None | "),
        ("rabbit://u:p@h1,h2:2/v", "u p h1 0, - - h2 2 | v | None | "),
        ("rabbit://h1,u:p@h2:2/v", "- - h1 0, u p h2 2 | v | None | "),
        ("rabbit://u:p@h1,u@h2/v", "u p h1 0, u - h2 0 | v | None | "),
        ("rabbit://u:p@[::1]:5672/v", "u p ::1 5672 | v | None | "),
        ("rabbit://u:p@[::1]/v", "u p ::1 0 | v | None | "),
        ("rabbit://u:p@::1/v", "u p ::1 0 | v | None | "),
        ("rabbit://u:p@h,/v", "u p h 0 | v | None | "),
        ("rabbit://,u:p@h/v", "u p h 0 | v | None | "),
        ("rabbit://u:p+q@h/a+b", "u p+q h 0 | a+b | None | "),
        ("rabbit://u:p%zz@h/%zz", "u p%zz h 0 | %zz | None | "),
        ("rabbit://u:p%FF@h/", "u p\u{fffd} h 0 | / | None | "),
        ("rabbit://u:a:b@h/", "u a:b h 0 | / | None | "),
        ("rabbit://u:a@b@h/", "u a@b h 0 | / | None | "),
        ("RABBIT://u:p@H/v", "u p H 0 | v | None | "),
        ("kombu+amqp://u:p@h/v", "u p h 0 | v | None | "),
        ("kombu+amqps://u:p@h/v", "u p h 0 | v | Some(true) | "),
        ("\"rabbit://u:p@h/\"", "u p h 0 | / | None | "),
        ("'rabbit://u:p@h/'", "u p h 0 | / | None | "),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_url_is_located_and_shows_no_secret() {
    let cases = [
        ("localhost", 0, "no `://`"),
        ("rabbit://u:hidden:5672/", 9, "more than one `:`"),
        ("rabbit://u:hidden:1,rest@h/", 9, "more than one `:`"),
        ("rabbit://::1/", 9, "more than one `:`"),
        ("kafka://u:hidden@h/", 0, "found `kafka://`"),
        ("u:hidden@h://x", 0, "found something else"),
        ("rabbit://u:hidden@h:port/", 9, "a port"),
        ("rabbit://u:hidden@h:0/", 9, "a port"),
        ("rabbit://u:hidden@/", 9, "a host"),
        ("rabbit://u:p@h:1,u:hidden@h:99999/", 17, "a port"),
        ("rabbit://u:hidden@h/?ssl=maybe", 21, "found `ssl=maybe`"),
        ("rabbit:///v", 9, "a host"),
        ("rabbit://,/v", 9, "a host"),
        ("kombu+memory://u:hidden@h/", 0, "found `kombu+memory://`"),
        ("rabbit://u:p$hidden@h/", 12, "a single `$`"),
        ("rabbit://u:p$HIDDEN@h/", 12, "a single `$`"),
        ("rabbit://u:p${hidden.x}@h/", 12, "a single `$`"),
        ("rabbit://u:p$$$hidden@h/", 14, "a single `$`"),
        (r"rabbit://u:p\$$hidden@h/", 14, "a single `$`"),
        ("\"rabbit://u:p$hidden@h/\"", 13, "a single `$`"),
    ];
    for (text, offset, part) in cases {
        let invalid = TransportUrl::parse(text).unwrap_err();
        assert_eq!(invalid.offset, offset, "{text}: {}", invalid.message);
        assert!(
            invalid.message.contains(part),
            "{text}: {}",
            invalid.message
        );
        assert!(
            !format!("{invalid:?}").contains("hidden"),
            "{text}: {invalid:?}"
        );
    }
}

#[test]
fn what_is_written_for_oslo_is_read_as_the_same_broker_and_shows_no_password() {
    use std::time::Duration;

    use crate::amqp::{Endpoint, LoginMethod, Tls};
    use crate::config::Password;

    let endpoint = |host: &str, user: &str| Endpoint {
        host: host.to_owned(),
        port: 5671,
        user: user.to_owned(),
        password: Password::Text(SecretString::from("hidden")),
    };
    let mut broker = Broker {
        endpoints: vec![
            endpoint("rabbit-1.example.org", "a@b:c/$d%"),
            endpoint("::1", "é"),
        ],
        vhost: "a/b c".to_owned(),
        heartbeat: Duration::from_secs(60),
        tls: Some(Tls::default()),
        login_method: LoginMethod::Plain,
    };
    let url = written_for_oslo(&broker);
    assert!(
        url.contains("***") && !url.contains("hidden") && !url.contains('$'),
        "{url}"
    );
    let read = TransportUrl::parse(&url).expect("a URL");
    assert_eq!((read.vhost.as_str(), read.ssl), ("a/b c", Some(true)));
    for (host, endpoint) in read.hosts.iter().zip(&broker.endpoints) {
        assert_eq!(
            (host.name.as_str(), host.port, host.user.as_deref()),
            (
                endpoint.host.as_str(),
                Some(5671),
                Some(endpoint.user.as_str())
            )
        );
    }
    assert_eq!(read.hosts.len(), 2);

    broker.endpoints = vec![endpoint("rabbit", "")];
    (broker.vhost, broker.tls) = ("/".to_owned(), None);
    assert_eq!(written_for_oslo(&broker), "rabbit://rabbit:5671/");
}
