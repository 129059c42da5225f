//! `transport_url` as oslo.messaging writes it, so that it can be pasted from `esi-leap.conf`:
//! `rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1`.
//!
//! What oslo.config does to every value is done here too: quotation marks around the whole are no part
//! of it, `$$` and `\$` are a dollar sign, and `$name` refers to another option, which is not in this
//! file. Python's `%(name)s`, which oslo.config does not have, was resolved before. Where oslo refuses
//! what is clear, it is taken: a `/` in a password, no port after a `:`.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;

use super::settings::Broker;

/// The schemes of oslo's RabbitMQ driver, and AMQP's own.
const SCHEMES: [(&str, bool); 7] = [
    ("rabbit", false),
    ("amqp", false),
    ("amqps", true),
    ("kombu", false),
    ("kombu+amqp", false),
    ("kombu+pyamqp", false),
    ("kombu+amqps", true),
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
        let inside = ['"', '\'']
            .iter()
            .find_map(|mark| text.strip_prefix(*mark)?.strip_suffix(*mark));
        let whole = inside.unwrap_or(text);
        if let Err(at) = dollars(whole) {
            return Err(invalid(
                &whole[at..],
                "expected `$$` for a dollar sign in `transport_url`, but found a single `$` with \
                 letters after it, which oslo.messaging takes for a reference to another option"
                    .into(),
                "write `$$` if a dollar sign is meant, else the value of that option",
            ));
        }
        let form = "write it like `rabbit://user:password@host:5672/`";
        let Some((scheme, rest)) = whole.split_once("://") else {
            return Err(invalid(
                text,
                "expected a URL in `transport_url`, but found no `://`".into(),
                form,
            ));
        };
        let scheme_ssl = SCHEMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(scheme))
            .map(|(_, ssl)| *ssl);
        let Some(scheme_ssl) = scheme_ssl else {
            // What stands before a later `://` may hold anything.
            let found = if scheme.chars().all(|c| c.is_ascii_alphabetic() || c == '+') {
                format!("`{scheme}://`")
            } else {
                "something else".into()
            };
            let message = format!("expected `rabbit://` in `transport_url`, but found {found}");
            return Err(invalid(whole, message, "only RabbitMQ is supported"));
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
            // As in oslo, an extra comma is ignored; that there is no host at all is an error.
            .filter(|part| !part.is_empty() || authority.trim_matches(',').is_empty())
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
                Some(_) if userinfo.is_some() && place.parse::<Ipv6Addr>().is_ok() => (place, None),
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
            name: unescaped(host),
            port,
            user,
            password,
        })
    }
}

/// What needs no escape in a URL, wherever it stands.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How oslo.messaging reaches this broker, with `***` for each password.
#[must_use]
pub fn written_for_oslo(broker: &Broker) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let hosts = broker.endpoints.iter().map(|end| {
        let login = match end.user.as_str() {
            "" => String::new(),
            user => format!("{}:***@", escaped(user)),
        };
        // What is no name is an address of IPv6.
        let host = if end.host.contains(':') {
            format!("[{}]", end.host)
        } else {
            end.host.clone()
        };
        format!("{login}{host}:{}", end.port)
    });
    let hosts: Vec<String> = hosts.collect();
    let vhost = match broker.vhost.as_str() {
        "/" => String::new(),
        vhost => escaped(vhost),
    };
    let ssl = if broker.tls.is_some() { "?ssl=1" } else { "" };
    format!("rabbit://{}/{vhost}{ssl}", hosts.join(","))
}

fn decoded(text: &str) -> String {
    let text = unescaped(text);
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// A part of a text that refers to nothing.
fn unescaped(text: &str) -> String {
    dollars(text).unwrap_or_else(|_| text.to_owned())
}

/// The text as oslo.config reads it, which is as Python's `string.Template` does: what cannot be a
/// reference stays. An error is the place of a reference.
fn dollars(text: &str) -> Result<String, usize> {
    // Both ways to write a dollar sign have the same length, so that places stay what they are.
    let text = text.replace("\\$", "$$");
    let starts_name = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let mut read = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(at) = text[done..].find('$').map(|offset| done + offset) {
        read.push_str(&text[done..=at]);
        let after = &text[at + 1..];
        done = at + 1;
        if after.starts_with('$') {
            done += 1;
        } else if starts_name(after) || after.strip_prefix('{').is_some_and(is_braced_name) {
            return Err(at);
        }
    }
    read.push_str(&text[done..]);
    Ok(read)
}

/// Whether this is the rest of a `${name}`.
fn is_braced_name(rest: &str) -> bool {
    let Some((name, _)) = rest.split_once('}') else {
        return false;
    };
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

#[cfg(test)]
mod tests;
