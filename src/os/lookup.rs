//! Looks up the addresses of a host, for both feeds, on a thread that lives as long as the lookup.
//!
//! The runtime's own lookup panics where the machine cannot start another thread. Here it is an error
//! like any other, after which the host is asked for again.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// The addresses of a host, which may be one itself; each of them once.
///
/// # Errors
/// Why there are none: what the system's resolver says, or that no thread can be started.
pub(crate) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let place = (host.to_owned(), port);
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("lookup".to_owned())
        .spawn(move || {
            let found = place.to_socket_addrs().map(|found| {
                let mut addresses: Vec<SocketAddr> = Vec::new();
                for address in found {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                addresses
            });
            // The caller no longer waits for a lookup that took too long.
            drop(answer.send(found));
        })?;
    answered.await.map_err(io::Error::other)?
}

/// The same for the client of HTTP, which sets the port itself.
#[derive(Debug)]
pub(crate) struct Lookup;

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Addrs = Box::new(addresses(name.as_str(), 0).await?.into_iter());
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_a_name_or_an_address() {
        for (host, expected) in [
            ("192.0.2.1", "192.0.2.1:5672"),
            ("2001:db8::1", "[2001:db8::1]:5672"),
            ("localhost", "127.0.0.1:5672"),
        ] {
            let found = addresses(host, 5672).await.expect("an address");
            let expected = expected.parse().expect("an address");
            assert!(found.contains(&expected), "{host}: {found:?}");
        }
        // No resolver is asked for what can be no name.
        let impossible = addresses("a\0b", 5672).await;
        assert!(impossible.is_err(), "{impossible:?}");
    }
}
