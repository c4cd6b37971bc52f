//! The drivers of a tokio runtime.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ::tokio::runtime::{Handle, Id};

thread_local! {
    /// The tokio runtime that this thread has checked last, where no driver of it is off. The check makes
    /// a socket, which a channel for each call must not pay for each time.
    ///
    /// tokio may use an identity again after its runtime has ended. Where the later runtime has a driver
    /// off, its first use panics in tokio.
    static CHECKED: Cell<Option<Id>> = const { Cell::new(None) };
}

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
pub(super) fn missing(handle: &Handle) -> Option<MissingDriver> {
    // The cell is gone at the end of the thread.
    let checked = CHECKED.try_with(Cell::get).ok().flatten();
    if checked == Some(handle.id()) {
        return None;
    }
    let missing = find_missing(handle);
    if missing.is_none() {
        let _ = CHECKED.try_with(|checked| checked.set(Some(handle.id())));
    }
    missing
}

/// Returns a driver that is off, by using both.
///
/// tokio answers that only by a panic, which is caught here; the hook of panics sees it all the same.
fn find_missing(handle: &Handle) -> Option<MissingDriver> {
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

#[cfg(test)]
mod tests {
    use ::tokio::runtime::{Builder, Runtime};

    use super::*;

    fn complete() -> Runtime {
        let built = Builder::new_current_thread().enable_all().build();
        built.expect("a tokio runtime")
    }

    /// A runtime whose drivers are on is checked once by a thread, one with a driver off each time.
    #[test]
    fn remembers_only_the_runtime_that_is_complete() {
        let (first, second) = (complete(), complete());
        let built = Builder::new_current_thread().enable_time().build();
        let without_io = built.expect("a tokio runtime");
        for tokio in [&first, &second, &first] {
            assert!(missing(tokio.handle()).is_none());
            assert_eq!(CHECKED.get(), Some(tokio.handle().id()));
            for _ in 0..2 {
                let missing = missing(without_io.handle());
                assert!(matches!(missing, Some(MissingDriver::Io)));
            }
            assert_eq!(CHECKED.get(), Some(tokio.handle().id()));
        }
    }

    /// A runtime that the thread has checked is not checked again.
    #[test]
    fn does_not_check_twice() {
        let built = Builder::new_current_thread().build();
        let without_both = built.expect("a tokio runtime");
        assert!(missing(without_both.handle()).is_some());
        CHECKED.set(Some(without_both.handle().id()));
        assert!(missing(without_both.handle()).is_none());
    }
}
