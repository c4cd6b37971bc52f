//! The failures of a handshake, of a connection and of a call.

mod call;
mod handshake;
mod lost;

pub use self::call::{CallError, Fate};
pub use self::handshake::{HandshakeError, HandshakeErrorKind};
pub use self::lost::{Lost, LostReason};

/// Returns what wraps the failure of a connection in HTTP/2: the error of the stream itself where
/// that failed, so that [`io::ErrorKind`](std::io::ErrorKind) can be read.
fn source_of(error: &h2::Error) -> &(dyn std::error::Error + 'static) {
    match error.get_io() {
        Some(error) => error,
        None => error,
    }
}
