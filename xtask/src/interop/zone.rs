//! The zone that the DNS server serves.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Name of the zone. `.test` is reserved for tests (RFC 6761 section 6.2).
pub(super) const ZONE: &str = "trunkline.test";

/// Number of addresses of the name `many`: more than fit the 1,232 bytes that clients accept over
/// UDP.
const MANY: u8 = 200;

/// Names that are looked up, but whose addresses are not called. unbound and dnsmasq answer for
/// those below `local` themselves.
const RECORDS: &str = "\
dual IN A 127.0.0.1
dual IN A 127.0.0.9
dual IN AAAA ::1
dual IN AAAA 2001:db8::9
only-v6 IN AAAA 2001:db8::6
chain IN CNAME two.chain
two.chain IN CNAME three.elsewhere
three.elsewhere IN CNAME four
four IN CNAME five.far.below
five.far.below IN CNAME dual
lost IN CNAME two.lost
two.lost IN CNAME no-such
_sip._tcp.weighted IN SRV 10 60 5060 dual
_sip._tcp.weighted IN SRV 10 20 5061 chain
_sip._tcp.weighted IN SRV 20 0 5062 only-v6
text IN TXT \"one\" \" record\"
text IN TXT \"another\"
minute 60 IN A 127.0.0.1
host.local IN A 127.0.0.8
host.local IN AAAA ::8
_sip._tcp.host.local IN SRV 1 2 5060 host.local
";

/// The zone in its file.
pub(super) struct Zone {
    /// Path of the file.
    pub(super) file: PathBuf,
}

impl Zone {
    /// Writes the zone:
    ///
    /// - `backends` has the addresses of all servers, and `_grpc._tcp.backends` an SRV record for
    ///   each. Each server also has a name with only its address. `own` is the command's server.
    /// - `both` has the address of `own`, and `::1`, where no server listens.
    /// - `many` has 200 addresses: the one of `own`, and others where no server listens.
    ///
    /// The TTL is one second, except for `minute`, so that clients see a change soon.
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
        text.push_str(RECORDS);
        let (ip, port) = (own.ip(), own.port());
        let _ = writeln!(
            text,
            "both IN A {ip}\nboth IN AAAA ::1\n_grpc._tcp.both IN SRV 0 1 {port} both"
        );
        // One address that answers, and too many others for an answer over UDP.
        let _ = writeln!(text, "many IN A {ip}");
        for last in 1..MANY {
            let _ = writeln!(text, "many IN A 127.77.0.{last}");
        }
        let file = folder.join(format!("{ZONE}.zone"));
        std::fs::write(&file, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
        Ok(Self { file })
    }

    /// Returns the name with the addresses of all servers.
    pub(super) fn name(&self) -> String {
        format!("backends.{ZONE}")
    }
}
