//! What becomes of the packets to an address: the address says so itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What becomes of the answers of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They come this much later.
    Delay(Duration),
    /// There are none: nothing that is sent there arrives.
    BlackHole,
}

/// Numbers from here on are black holes, so that there are many of them.
const BLACK_HOLES: u16 = 0xff00;

impl Fate {
    /// Of `10.97.H.L` and `2001:db8:97::1:HL`: the last sixteen bits are milliseconds.
    ///
    /// IPv6 is of the documentation's prefix rather than a private one: RFC 6724 prefers it to IPv4,
    /// as it does the addresses of the Internet.
    pub fn of(address: IpAddr) -> Self {
        let number = match address {
            IpAddr::V4(v4) => u16::from_be_bytes([v4.octets()[2], v4.octets()[3]]),
            IpAddr::V6(v6) => v6.segments()[7],
        };
        match number {
            BLACK_HOLES.. => Self::BlackHole,
            millis => Self::Delay(Duration::from_millis(millis.into())),
        }
    }
}

/// The addresses without a delay.
pub const PROMPT_V4: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 0);
/// The same of IPv6.
pub const PROMPT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x97, 0, 0, 0, 1, 0);
