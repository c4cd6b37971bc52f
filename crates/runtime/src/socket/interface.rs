//! Network interfaces.

use std::io;

/// Returns the index of a network interface by its name.
///
/// Asks the kernel with the ioctl that `if_nametoindex` uses: `/sys` may be missing, or show the
/// interfaces of another network namespace.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
    use rustix::io::Errno;
    use rustix::net::netdevice::name_to_index;
    use socket2::{Domain, Type};

    // The ioctl needs a socket, of any kind.
    let socket = super::create::new_socket(Domain::UNIX, Type::DGRAM, None)?;
    name_to_index(&socket, name).map_err(|error| match error {
        Errno::NODEV | Errno::INVAL | Errno::NAMETOOLONG => {
            let text = format!("there is no network interface {}", name.escape_debug());
            io::Error::new(io::ErrorKind::NotFound, text)
        }
        error => error.into(),
    })
}

/// Returns the error of systems where names of interfaces are not looked up.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(crate) fn interface_index(_: &str) -> io::Result<u32> {
    Err(super::error::unsupported(
        "looking up a network interface by its name",
    ))
}
