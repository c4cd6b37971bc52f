//! The error behind a failure of HTTP/2.

use std::error::Error;

/// Returns the error of the stream if that is what failed, so that callers can read its
/// [`io::ErrorKind`](std::io::ErrorKind), or else h2's own error.
pub(super) fn source_of(error: &h2::Error) -> &(dyn Error + 'static) {
    match error.get_io() {
        Some(error) => error,
        None => error,
    }
}
