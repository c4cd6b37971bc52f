//! Two network namespaces, which are removed when this program ends, whatever ends it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::dialogue::Dialogue;
use crate::context::Context;
use crate::failure::Failure;

/// Shell script that cleans up. It waits for the end of its standard input, which ends with this
/// program. Then it kills the processes in the namespaces, and removes the namespaces.
///
/// It runs in its own process group, because an interrupt from the keyboard reaches all processes
/// of the foreground group. It cleans up twice, because a command that this program has started may
/// finish a little later than this program.
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

/// Commands for the near namespace, after its device is there. The addresses are a `/32` and a
/// `/128`: there is no other host on the link.
const NEAR: &str = "link set lo up
address add 10.96.0.1/32 dev he-near
address add 2001:db8:96::1/128 dev he-near nodad
link set he-near up
route add 10.97.0.0/16 dev he-near
route add 2001:db8:97::/64 dev he-near";

/// Commands for the far namespace, where every address of the servers is local.
const FAR: &str = "link set lo up
address add 10.96.0.2/32 dev he-far
address add 2001:db8:96::2/128 dev he-far nodad
link set he-far up
route add 10.96.0.1/32 dev he-far
route add 2001:db8:96::1/128 dev he-far
route add local 10.97.0.0/16 dev lo
route add local 2001:db8:97::/64 dev lo";

/// The `resolv.conf` of the near namespace, which `ip netns exec` mounts over the system's.
const RESOLV_CONF: &str = "nameserver 10.97.0.0\n";

/// Returns why namespaces are not possible here, as far as it is known beforehand.
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

/// The two namespaces, and the process that removes them.
pub(super) struct Namespaces {
    near: String,
    far: String,
    guard: Child,
}

impl Namespaces {
    /// Makes the namespaces; `Ok(Err(reason))` if the kernel does not allow it.
    pub(super) fn make(context: &Context) -> Result<Result<Self, String>, Failure> {
        let id = std::process::id();
        let (near, far) = (
            format!("trunkline-{id}-near"),
            format!("trunkline-{id}-far"),
        );
        // Start the guard first, so that whatever is made later is removed in any case.
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

    /// Starts the far side; `Ok(Err(reason))` if that is not possible here.
    pub(super) fn far(&self, program: &Path) -> Result<Result<Dialogue, String>, Failure> {
        let mut far = Dialogue::start(&self.far, program, &["far"])?;
        let begun = far.listen()?;
        Ok(match begun["cannot"].as_str() {
            Some(what) => Err(format!("cannot {what}")),
            None => Ok(far),
        })
    }

    /// Moves and configures the devices of the far side, which must be running.
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
        // The guard cleans up at the end of its input. Its status does not matter.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
