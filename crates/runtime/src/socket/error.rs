//! The operating system's errors.

use std::io;

/// True when `connect` has started and its result comes later.
pub(super) fn in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS)
    }
    #[cfg(not(unix))]
    {
        // Winsock's error for a started connect is WSAEWOULDBLOCK.
        error.kind() == io::ErrorKind::WouldBlock
    }
}

/// Returns the error for an option that this operating system does not have.
#[cfg_attr(
    any(target_os = "android", target_os = "fuchsia", target_os = "linux"),
    expect(dead_code, reason = "these systems have every option")
)]
pub(super) fn unsupported(option: &str) -> io::Error {
    let text = format!("{option} is not available on this operating system");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
