//! The fate of the packets from an address, which is encoded in the address itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What happens to the packets from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketFate {
    /// The packets are delayed by this time.
    Delay(Duration),
    /// No packet comes, because packets to the address are dropped.
    BlackHole,
}

/// Addresses with this number or a higher one are black holes. There are several, as tests need
/// ten.
const BLACK_HOLES: u16 = 0xff00;

impl PacketFate {
    /// Returns the fate of `10.97.H.L` or `2001:db8:97::1:HL`: the last sixteen bits are the delay
    /// in milliseconds.
    ///
    /// The IPv6 addresses are from the documentation prefix, not from a private one, so that RFC
    /// 6724 prefers them to IPv4, like addresses of the Internet.
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

/// The IPv4 address without a delay.
pub const PROMPT_V4: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 0);
/// The IPv6 address without a delay.
pub const PROMPT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x97, 0, 0, 0, 1, 0);
