//! Where something listens: an address of the network, or a file of this host.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a file is named as an address.
const FILE: &str = "unix:";

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// An IP address with a port.
    Network(SocketAddr),
    /// The file of a Unix socket, by its absolute path.
    File(PathBuf),
}

impl Address {
    /// That of the network, if it is one.
    #[must_use]
    pub fn network(&self) -> Option<SocketAddr> {
        match self {
            Self::Network(address) => Some(*address),
            Self::File(_) => None,
        }
    }

    /// Reads an address and a port, which is not 0, or `unix:` with an absolute path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix(FILE) {
            let path = PathBuf::from(path);
            return (path.is_absolute() && path.file_name().is_some()).then_some(Self::File(path));
        }
        let address = text.parse::<SocketAddr>().ok();
        address
            .filter(|address| address.port() != 0)
            .map(Self::Network)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::File(path) => write!(f, "{FILE}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_network_or_a_file() {
        let cases = [
            ("127.0.0.1:9417", true),
            ("[::1]:80", true),
            ("unix:/run/esi/http.sock", true),
            ("127.0.0.1:0", false),
            ("127.0.0.1", false),
            ("localhost:80", false),
            ("unix:http.sock", false),
            ("unix:", false),
            ("unix:/", false),
        ];
        for (text, is_address) in cases {
            let address = Address::parse(text);
            let shown = address.as_ref().map(ToString::to_string);
            assert_eq!(shown.as_deref(), is_address.then_some(text), "{text}");
        }
    }
}
