//! What the operating system's errors mean.

use std::io;

/// Whether `connect` said that it will be decided later.
pub(super) fn in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::INPROGRESS)
    }
    #[cfg(not(unix))]
    {
        // Winsock says WSAEWOULDBLOCK.
        error.kind() == io::ErrorKind::WouldBlock
    }
}

/// An option that this operating system does not have.
#[cfg_attr(
    any(target_os = "android", target_os = "fuchsia", target_os = "linux"),
    expect(dead_code, reason = "these have all of them")
)]
pub(super) fn unsupported(option: &str) -> io::Error {
    let text = format!("{option} is not available on this operating system");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
