//! A link between the network namespace of this process and that of another one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use crate::wrong::Wrong;

/// The address of this side.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);

/// The address of the other side.
pub(super) const FAR: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);

/// The state of a connection in the tables of the kernel: established.
const ESTABLISHED: &str = "01";

/// A pair of devices, which is gone with the two processes.
#[derive(Debug)]
pub(super) struct Link {
    /// The process on the other side.
    far: u32,
}

impl Link {
    /// Connects this process with the one that has this id, and a network namespace of its own.
    pub(super) fn make(far: u32) -> Result<Self, Wrong> {
        let link = Self { far };
        run("ip link set lo up")?;
        run(&format!(
            "ip link add near type veth peer name far netns {far}"
        ))?;
        run(&format!("ip address add {NEAR}/24 dev near"))?;
        run("ip link set near up")?;
        link.on_far_side(&format!("address add {FAR}/24 dev far"))?;
        link.on_far_side("link set far up")?;
        Ok(link)
    }

    /// Lets the other side send nothing more. The near side gets no error.
    pub(super) fn cut(&self) -> Result<(), Wrong> {
        self.on_far_side(&format!("route add blackhole {NEAR}/32"))
    }

    /// Lets the other side send again.
    pub(super) fn heal(&self) -> Result<(), Wrong> {
        self.on_far_side(&format!("route delete blackhole {NEAR}/32"))
    }

    fn on_far_side(&self, command: &str) -> Result<(), Wrong> {
        run(&format!("nsenter --net --target {} ip {command}", self.far))
    }
}

/// Returns how many connections to this port of the other side are established.
pub(super) fn established(port: u16) -> Result<usize, Wrong> {
    let peer = SocketAddrV4::new(FAR, port);
    // The kernel prints the bytes of an address in the order of the machine.
    let ip = u32::from_ne_bytes(peer.ip().octets());
    let peer = format!("{ip:08X}:{:04X}", peer.port());
    let table = fs::read_to_string("/proc/self/net/tcp")?;
    let established = table.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(2);
        words.next() == Some(peer.as_str()) && words.next() == Some(ESTABLISHED)
    });
    Ok(established.count())
}

/// Runs a command line, which must succeed.
fn run(line: &str) -> Result<(), Wrong> {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .output()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{line}`: {}: {}", output.status, text.trim_end()).into())
}
