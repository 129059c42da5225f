//! Where requests are taken: an address, with or without TLS, and the paths there. Pure.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::core::address::Address;

/// Where a server takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address, which several servers may share.
    pub address: Address,
    /// What TLS is spoken with there; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The path that is the server's own, with all below it.
    pub path: RoutePath,
}

/// The files in PEM form that TLS is spoken with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities whose certificates clients have to show; `None` if clients need none.
    pub client_authorities: Option<PathBuf>,
}

/// A path without a slash at its end; empty for `/`. All below it belongs to it: to `/hooks` also `/hooks/a`, but not
/// `/hooks2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath(String);

/// Why two servers cannot both be where they are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The same path of the same address.
    Path,
    /// The same address with different TLS.
    Tls,
    /// The same port, once of every address of the machine and once of a single one.
    Address,
}

impl RoutePath {
    /// Reads a path; `None` if it does not begin with a slash, or says what no path of a request can.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"?#%".contains(c);
        let rest = text.strip_prefix('/')?.trim_end_matches('/');
        let is_path = rest.chars().all(is_plain) && rest.split('/').all(|part| !part.is_empty());
        match rest {
            "" => Some(Self(String::new())),
            _ => is_path.then(|| Self(format!("/{rest}"))),
        }
    }

    /// Whether a path of a request, percent-decoded, belongs to it.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.0.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Of several that cover a path, the one with the greatest length is meant.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Place {
    /// Why these two cannot be served by one process; `None` if they can.
    #[must_use]
    pub fn conflict(&self, other: &Self) -> Option<Conflict> {
        if self.address == other.address {
            if self.tls != other.tls {
                return Some(Conflict::Tls);
            }
            return (self.path == other.path).then_some(Conflict::Path);
        }
        let (one, two) = (self.address.network()?, other.address.network()?);
        let every = |address: SocketAddr| address.ip().is_unspecified();
        let is_same_family = one.is_ipv4() == two.is_ipv4();
        let meets = one.port() == two.port() && is_same_family && (every(one) || every(two));
        meets.then_some(Conflict::Address)
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.tls.as_ref().map_or("http", |_| "https");
        write!(f, "{scheme}://{}{}", self.address, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str, tls: Option<&str>, path: &str) -> Place {
        Place {
            address: Address::parse(address).unwrap(),
            tls: tls.map(|name| TlsFiles {
                certificate: name.into(),
                key: "k".into(),
                client_authorities: None,
            }),
            path: RoutePath::parse(path).unwrap(),
        }
    }

    #[test]
    fn a_path_has_a_form_and_covers_what_is_below_it() {
        let shown = |text: &str| RoutePath::parse(text).map(|path| path.to_string());
        let cases = [
            ("/", Some("/")),
            ("//", Some("/")),
            ("/a", Some("/a")),
            ("/a/b/", Some("/a/b")),
            ("/ü.b", Some("/ü.b")),
            ("", None),
            ("a", None),
            ("/a b", None),
            ("/a?b", None),
            ("/a#b", None),
            ("/a%20b", None),
            ("/a//b", None),
        ];
        for (text, path) in cases {
            assert_eq!(shown(text).as_deref(), path, "{text}");
        }
        let covers = [
            ("/", "/", true),
            ("/", "/a/b", true),
            ("/", "*", false),
            ("/a", "/a", true),
            ("/a", "/a/", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a", "/", false),
            ("/a/b", "/a", false),
        ];
        for (own, path, expected) in covers {
            let own = RoutePath::parse(own).unwrap();
            assert_eq!(own.covers(path), expected, "{own} {path}");
        }
    }

    #[test]
    fn two_places_may_be_in_each_others_way() {
        let first = place("10.0.0.1:80", None, "/a");
        let cases = [
            (place("10.0.0.1:80", None, "/b"), None),
            (place("10.0.0.1:80", None, "/a/b"), None),
            (place("10.0.0.1:80", None, "/a/"), Some(Conflict::Path)),
            (place("10.0.0.1:80", Some("c"), "/b"), Some(Conflict::Tls)),
            (place("10.0.0.1:81", Some("c"), "/a"), None),
            (place("10.0.0.2:80", Some("c"), "/a"), None),
            (place("0.0.0.0:80", None, "/b"), Some(Conflict::Address)),
            (place("0.0.0.0:81", None, "/a"), None),
            (place("[::1]:80", None, "/a"), None),
        ];
        for (second, expected) in cases {
            assert_eq!(first.conflict(&second), expected, "{second}");
            assert_eq!(second.conflict(&first), expected, "{second}");
        }
        let same = place("[::]:80", Some("c"), "/");
        assert_eq!(
            same.conflict(&place("[::]:80", Some("d"), "/b")),
            Some(Conflict::Tls)
        );
        assert_eq!(
            (same.to_string(), first.to_string()),
            ("https://[::]:80/".into(), "http://10.0.0.1:80/a".into())
        );
    }
}
