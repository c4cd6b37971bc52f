//! The drivers of a tokio runtime.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ::tokio::runtime::Handle;

/// A driver that is off, though the runtime is of no use without it.
#[derive(Clone, Copy, Debug)]
pub(super) enum MissingDriver {
    Time,
    Io,
}

impl MissingDriver {
    /// Returns the error that lists what the user can do.
    pub(super) fn error(self) -> io::Error {
        let (driver, method) = match self {
            Self::Time => ("time", "enable_time"),
            Self::Io => ("I/O", "enable_io"),
        };
        io::Error::other(format!(
            "the {driver} driver of this tokio runtime is off: build the runtime with `enable_all` (or \
             `{method}`), or choose another runtime"
        ))
    }
}

/// Returns a driver that is off.
///
/// tokio answers that only by a panic, which is caught here; the hook of panics sees it all the same.
pub(super) fn missing(handle: &Handle) -> Option<MissingDriver> {
    let _in_tokio = handle.enter();
    if panics(|| drop(::tokio::time::sleep(Duration::ZERO))) {
        return Some(MissingDriver::Time);
    }
    // Where no socket can be made, each connection returns the reason itself.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    let registers = |socket| drop(::tokio::net::UdpSocket::from_std(socket));
    let is_io_off = socket.is_ok_and(|socket| panics(|| registers(socket)));
    is_io_off.then_some(MissingDriver::Io)
}

fn panics(act: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}
