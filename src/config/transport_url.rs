//! `transport_url` as oslo.messaging writes it, so that it can be pasted from `esi-leap.conf`:
//! `rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1`.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// The schemes of oslo's RabbitMQ driver, and AMQP's own.
const SCHEMES: [(&str, bool); 4] = [
    ("rabbit", false),
    ("amqp", false),
    ("amqps", true),
    ("kombu", false),
];

/// What a transport URL says.
#[derive(Debug)]
pub(super) struct TransportUrl {
    /// The hosts in their order; never empty.
    pub(super) hosts: Vec<Host>,
    /// `/` unless it says otherwise.
    pub(super) vhost: String,
    /// Whether it says anything of TLS.
    pub(super) ssl: Option<bool>,
    /// Names of parameters that mean nothing here.
    pub(super) ignored: Vec<String>,
}

/// One host of it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
}

/// Why a text is no transport URL. The message never shows a part of it that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    /// Where, in bytes from the start of the text.
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

impl TransportUrl {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |part: &str, message: String, hint| {
            let offset = part.as_ptr() as usize - text.as_ptr() as usize;
            Invalid {
                offset,
                message,
                hint,
            }
        };
        let form = "write it like `rabbit://user:password@host:5672/`, as in esi-leap.conf";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid(
                text,
                "expected a URL in `transport_url`, but found no `://`".into(),
                form,
            ));
        };
        let scheme_ssl = SCHEMES
            .iter()
            .find(|(name, _)| *name == scheme)
            .map(|(_, ssl)| *ssl);
        let Some(scheme_ssl) = scheme_ssl else {
            // What stands before a later `://` may hold anything.
            let found = if scheme.chars().all(|c| c.is_ascii_alphabetic()) {
                format!("`{scheme}://`")
            } else {
                "something else".into()
            };
            let message = format!("expected `rabbit://` in `transport_url`, but found {found}");
            return Err(invalid(text, message, "only RabbitMQ can be listened to"));
        };

        // A password may hold a `/` or `?` that should have been written `%2F` or `%3F`; the last
        // `@` tells.
        let hosts_end = rest.rfind('@').map_or(0, |at| at + 1);
        let question = rest[hosts_end..].find('?');
        let (place, query) = match question.map(|at| hosts_end + at) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        let slash = place[hosts_end..]
            .find('/')
            .map_or(place.len(), |slash| hosts_end + slash);
        let (authority, path) = place.split_at(slash);
        let hosts = authority
            .split(',')
            .map(|part| {
                Host::parse(part).map_err(|(at, message)| {
                    invalid(at, message, "separate hosts with commas; write `@`, `:`, `/`, `,` and `%` in a user or password as `%40`, `%3A`, `%2F`, `%2C` and `%25`, and an IPv6 address in brackets")
                })
            })
            .collect::<Result<Vec<_>, _>>()?;

        let mut ssl = scheme_ssl.then_some(true);
        let mut ignored = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name, value.to_ascii_lowercase().as_str()) {
                ("ssl", "1" | "true" | "yes" | "on") => ssl = Some(true),
                ("ssl", "0" | "false" | "no" | "off" | "") => ssl = Some(false),
                ("ssl", _) => {
                    let message = format!(
                        "expected `ssl=1` or `ssl=0` in `transport_url`, but found `{parameter}`"
                    );
                    return Err(invalid(parameter, message, "write `?ssl=1` for TLS"));
                }
                _ => ignored.push(name.to_owned()),
            }
        }
        let vhost = decoded(path.strip_prefix('/').unwrap_or_default());
        let vhost = if vhost.is_empty() { "/".into() } else { vhost };
        Ok(Self {
            hosts,
            vhost,
            ssl,
            ignored,
        })
    }
}

impl Host {
    fn parse(part: &str) -> Result<Self, (&str, String)> {
        let (userinfo, place) = match part.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, part),
        };
        let (user, password) =
            match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
                Some((user, password)) => {
                    let password = decoded(password);
                    let password = (!password.is_empty()).then(|| SecretString::from(password));
                    (
                        Some(decoded(user)).filter(|user| !user.is_empty()),
                        password,
                    )
                }
                None => (None, None),
            };
        let (host, port) = match place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => match place.rsplit_once(':') {
                // A password whose `@` is missing, or the beginning of one with a comma.
                Some((host, _)) if host.contains(':') => {
                    return Err((
                        part,
                        "expected a host and a port in `transport_url`, but found more than one `:`"
                            .into(),
                    ));
                }
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if host.is_empty() {
            return Err((
                part,
                "expected a host in `transport_url`, but found none".into(),
            ));
        }
        let port = match port {
            None | Some("") => None,
            Some(port) => match port.parse::<u16>() {
                Ok(number) if number > 0 => Some(number),
                // What stands there may be the rest of a password that holds a `@` or a comma.
                _ => return Err((part, "expected a port from 1 to 65535 after the last `:` of a host in `transport_url`, but found something else".into())),
            },
        };
        Ok(Self {
            name: host.to_owned(),
            port,
            user,
            password,
        })
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
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
}
