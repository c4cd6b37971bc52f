//! Sets TCP_NODELAY on the sockets of this process from outside of the library that owns them.

use std::fs;
use std::os::fd::RawFd;

use rustix::net::sockopt::set_tcp_nodelay;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// True if this program has the argument for it.
pub(crate) fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == "--nodelay")
}

/// Sets the option on all TCP sockets of this process.
pub(crate) fn set_on_all_sockets() -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let process = pidfd_open(getpid(), PidfdFlags::empty())
        .map_err(|error| failed("a descriptor of this process", &error))?;
    let entries = fs::read_dir("/proc/self/fd").map_err(|error| failed("/proc/self/fd", &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed("/proc/self/fd", &error))?;
        let number: Option<RawFd> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let is_socket = fs::read_link(entry.path())
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        let Some(number) = number.filter(|_| is_socket) else {
            continue;
        };
        // The copy shares the options of the original. It may have been closed meanwhile.
        if let Ok(copy) = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            // Fails for sockets that are not TCP's.
            let _ = set_tcp_nodelay(&copy, true);
        }
    }
    Ok(())
}
