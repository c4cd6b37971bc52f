//! The zone that the DNS server serves.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The zone; `.test` is reserved for this (RFC 6761 section 6.2).
pub(super) const ZONE: &str = "trunkline.test";

/// How many addresses the name `many` has: more than fit into the 1,232 octets that clients take
/// over UDP.
const MANY: u8 = 120;

/// The zone, and the file it is in.
pub(super) struct Zone {
    /// Where it is.
    pub(super) file: PathBuf,
}

impl Zone {
    /// Writes a zone in which `backends` has the addresses of all servers, ours among them, and
    /// `_grpc._tcp.backends` an SRV record for each; each has a name with its address alone (`own` is
    /// ours), and `many` has 120 addresses: ours, and others where nobody listens.
    ///
    /// Everything may be kept for one second, so that a change is seen soon.
    pub(super) fn write(
        folder: &Path,
        own: SocketAddr,
        others: &[(&str, SocketAddr)],
    ) -> Result<Self, Failure> {
        let mut text = format!(
            "$ORIGIN {ZONE}.\n$TTL 1\n\
             @ IN SOA ns hostmaster 1 60 60 600 1\n\
             @ IN NS ns\n\
             ns IN A 127.0.0.1\n"
        );
        for (name, address) in [("own", own)].iter().chain(others) {
            let (ip, port) = (address.ip(), address.port());
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{name} IN A {ip}\nbackends IN A {ip}\n_grpc._tcp.backends IN SRV 0 1 {port} {name}"
            );
        }
        // One that answers, and too many to fit into an answer over UDP.
        let _ = writeln!(text, "many IN A {}", own.ip());
        for last in 1..MANY {
            let _ = writeln!(text, "many IN A 127.77.0.{last}");
        }
        let file = folder.join(format!("{ZONE}.zone"));
        std::fs::write(&file, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
        Ok(Self { file })
    }

    /// The name of all backends.
    pub(super) fn name(&self) -> String {
        format!("backends.{ZONE}")
    }
}
