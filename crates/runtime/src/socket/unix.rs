//! Unix sockets.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

use socket2::{Domain, SockAddr, SockRef, Type};

use super::create::{Started, new_socket};
use super::error::in_progress;
use crate::UnixAddr;

/// Makes a socket and starts to connect it to `peer`.
pub(crate) fn start_unix(peer: &UnixAddr) -> io::Result<Started<UnixStream>> {
    let address = address(peer)?;
    let socket = new_socket(Domain::UNIX, Type::STREAM, None)?;
    let is_connected = match socket.connect(&address) {
        Ok(()) => true,
        Err(error) if in_progress(&error) => false,
        // Here this error does not mean "wait": the listener's queue is full, and the socket is
        // not connecting.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            let text = format!("the queue of {peer} is full");
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
        }
        Err(error) => return Err(error),
    };
    let socket = socket.into();
    Ok(Started {
        socket,
        is_connected,
    })
}

/// Returns the error of an attempt whose socket has become writable, if it failed.
pub(crate) fn finish_unix(socket: &SockRef<'_>) -> io::Result<()> {
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Converts `peer` to the system's form, or returns why it cannot be an address.
fn address(peer: &UnixAddr) -> io::Result<SockAddr> {
    let invalid = |why: &str| {
        let text = format!("{peer} is not an address that can be connected to: {why}");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    match peer {
        UnixAddr::Path(path) if path.as_os_str().is_empty() => Err(invalid("the path is empty")),
        // A leading NUL would name an abstract socket.
        UnixAddr::Path(path) if path.as_os_str().as_bytes().contains(&0) => {
            Err(invalid("the path holds a NUL"))
        }
        UnixAddr::Path(path) => {
            SockAddr::unix(path).map_err(|_| invalid("the path is too long for the system"))
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        UnixAddr::Abstract(name) => {
            use std::ffi::OsStr;

            let mut address = vec![0];
            address.extend_from_slice(name);
            SockAddr::unix(OsStr::from_bytes(&address))
                .map_err(|_| invalid("the name is too long for the system"))
        }
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        UnixAddr::Abstract(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{peer} cannot be reached: only Linux has abstract names"),
        )),
    }
}
