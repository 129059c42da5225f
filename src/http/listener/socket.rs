//! What listens at an address: of the network, or a file.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::ListenError;
use crate::core::address::Address;

/// How many connections may wait to be taken. The kernel may have a lower limit.
const BACKLOG: u32 = 1024;

/// The owner of a socket's file and its group may ask there.
const MODE: u32 = 0o660;

/// What listens.
pub(super) enum Socket {
    Network(TcpListener),
    File {
        listener: UnixListener,
        _file: SocketFile,
    },
}

/// Somebody who asks.
pub(super) enum Stream {
    Network(TcpStream),
    File(UnixStream),
}

impl Socket {
    /// Takes the address.
    pub(super) fn bind(address: &Address) -> Result<Self, ListenError> {
        match address {
            Address::Network(address) => bind(*address).map(Self::Network),
            Address::File(path) => bind_file(path),
        }
        .map_err(|error| ListenError {
            message: format!("cannot listen on {address}: {error}"),
            hint: hint(address, error.kind()),
        })
    }

    /// The next one who asks, and from where; who comes through a file is of this host.
    pub(super) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Network(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((Stream::Network(stream), from))
            }
            Self::File { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::File(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // What earlier connections left behind does not hold the port; another listener does.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_file(path: &Path) -> io::Result<Socket> {
    // A file that an earlier service left; where somebody listens, it is his.
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file of this name that is not a socket",
            ));
        }
        match Connection::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            _ => return Err(io::ErrorKind::AddrInUse.into()),
        }
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    let file = SocketFile {
        path: path.to_owned(),
        inode: fs::symlink_metadata(path)?.ino(),
    };
    Ok(Socket::File {
        listener,
        _file: file,
    })
}

fn hint(address: &Address, error: io::ErrorKind) -> &'static str {
    match (address, error) {
        (Address::File(_), io::ErrorKind::AddrInUse) => {
            "stop what listens there (`ss -lxp` shows it), or name another file"
        }
        (Address::File(_), _) => {
            "name a file in a folder that is there and in which the service may write, like that of `RuntimeDirectory=`"
        }
        (_, io::ErrorKind::AddrInUse) => {
            "stop what listens there (`ss -ltnp` shows it), or choose another port"
        }
        (_, io::ErrorKind::PermissionDenied) => {
            "choose a port from 1024 on, or give the service `CAP_NET_BIND_SERVICE` in \
             `AmbientCapabilities=` and `CapabilityBoundingSet=`"
        }
        (_, io::ErrorKind::AddrNotAvailable) => {
            "name an address of this host, or `0.0.0.0` for all of them"
        }
        _ => "correct the address",
    }
}

/// The file of a socket, which goes with it.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another service may have its own there by now.
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|it| it.ino() == self.inode);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!("failed to remove {}: {error}", self.path.display());
        }
    }
}
