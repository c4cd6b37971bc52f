//! The handle of a tokio runtime.

use std::io;

use ::tokio::runtime::Handle;

/// The error text where no tokio runtime is current; it lists what the user can do.
const NO_HANDLE: &str = "no tokio runtime here: make the first call from within one \
    (`#[tokio::main]`, `Runtime::block_on`), give its handle to `Tokio::with_handle`, or choose \
    another runtime";

/// Returns the handle of the tokio runtime that the caller runs on.
pub(super) fn current() -> io::Result<Handle> {
    Handle::try_current().map_err(|_| io::Error::other(NO_HANDLE))
}
