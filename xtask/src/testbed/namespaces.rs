//! Two network namespaces, which go when this program goes, however it goes.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::dialogue::Dialogue;
use crate::context::Context;
use crate::failure::Failure;

/// Waits until its standard input ends, which it does with this program, and then ends what runs in
/// the namespaces and removes them. It is in a process group of its own: an interrupt from the
/// keyboard goes to all processes of the group in front. What this program had begun may come a little
/// later than its end: so it looks twice.
const GUARD: &str = "trap '' INT TERM HUP
clean() {
    for name; do
        for id in $(ip netns pids \"$name\"); do kill \"$id\"; done
        ip netns delete \"$name\"
        rm -rf \"/etc/netns/$name\"
    done
}
cat
clean \"$@\"
sleep 0.2
clean \"$@\"
rmdir /etc/netns";

/// In the near one, with the devices in place. A `/32` and a `/128` each: there is no other host.
const NEAR: &str = "link set lo up
address add 10.96.0.1/32 dev he-near
address add 2001:db8:96::1/128 dev he-near nodad
link set he-near up
route add 10.97.0.0/16 dev he-near
route add 2001:db8:97::/64 dev he-near";

/// In the far one, where every address of the servers is local.
const FAR: &str = "link set lo up
address add 10.96.0.2/32 dev he-far
address add 2001:db8:96::2/128 dev he-far nodad
link set he-far up
route add 10.96.0.1/32 dev he-far
route add 2001:db8:96::1/128 dev he-far
route add local 10.97.0.0/16 dev lo
route add local 2001:db8:97::/64 dev lo";

/// The DNS server of the near one, which `ip netns exec` puts in the place of the system's.
const RESOLV_CONF: &str = "nameserver 10.97.0.0\n";

/// Why there can be none, if that is known beforehand.
pub(super) fn missing(context: &Context) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("network namespaces are Linux's".to_owned());
    }
    let id = context.run("id -u").stdout();
    if !id.is_ok_and(|id| id.trim() == "0") {
        return Some("only root may make network namespaces".to_owned());
    }
    if context.run("ip -Version").stdout().is_err() {
        return Some("no command `ip` (package iproute2)".to_owned());
    }
    let device = Path::new("/dev/net/tun");
    (!device.exists()).then(|| format!("no {}", device.display()))
}

/// The namespaces.
pub(super) struct Namespaces {
    near: String,
    far: String,
    guard: Child,
}

impl Namespaces {
    /// Makes them, or says why the kernel does not allow it.
    pub(super) fn make(context: &Context) -> Result<Result<Self, String>, Failure> {
        let id = std::process::id();
        let (near, far) = (
            format!("trunkline-{id}-near"),
            format!("trunkline-{id}-far"),
        );
        // The guard first: there is no instant at which there is something that nobody would remove.
        let mut guard = Command::new("sh");
        guard
            .args(["-c", GUARD, "guard", &near, &far])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        let guard = guard
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run `sh`: {error}")))?;
        let namespaces = Self { near, far, guard };
        for name in [&namespaces.near, &namespaces.far] {
            let made = context
                .program("ip")
                .args(["netns", "add", name])
                .finish()?;
            if !made.status.success() {
                let why = made.output.trim().to_owned();
                return Ok(Err(format!("no network namespace can be made: {why}")));
            }
        }
        let folder = Path::new("/etc/netns").join(&namespaces.near);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("resolv.conf"), RESOLV_CONF))
            .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        Ok(Ok(namespaces))
    }

    /// Starts the far side, or says why it cannot be had.
    pub(super) fn far(&self, program: &Path) -> Result<Result<Dialogue, String>, Failure> {
        let mut far = Dialogue::start(&self.far, program, &["far"])?;
        let begun = far.listen()?;
        Ok(match begun["cannot"].as_str() {
            Some(what) => Err(format!("cannot {what}")),
            None => Ok(far),
        })
    }

    /// Puts the devices of the far side, which must run, in their places.
    pub(super) fn connect(&self, context: &Context) -> Result<(), Failure> {
        let in_one = |name: &str, line: &str| {
            let run = context.program("ip").args(["-n", name]);
            run.args(line.split_whitespace()).succeed()
        };
        in_one(&self.far, &format!("link set he-near netns {}", self.near))?;
        for (name, lines) in [(&self.near, NEAR), (&self.far, FAR)] {
            for line in lines.lines() {
                in_one(name, line)?;
            }
        }
        Ok(())
    }

    /// Starts a client on the near side.
    pub(super) fn near(&self, program: &Path, client: &str) -> Result<Dialogue, Failure> {
        let mut near = Dialogue::start(&self.near, program, &["near", client])?;
        near.listen()?;
        Ok(near)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The end of its input tells the guard; it says nothing, and there is nobody to tell.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
