//! The scopes of addresses: RFC 6724 sections 3.1 and 3.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// The scopes of RFC 4291 section 2.7.
const LINK_LOCAL: u8 = 0x2;
const SITE_LOCAL: u8 = 0x5;
const GLOBAL: u8 = 0xe;

/// Returns the scope of `address`, by its number in RFC 4291 section 2.7. A smaller number is a
/// nearer scope.
pub(super) fn scope(address: IpAddr) -> u8 {
    match address.to_canonical() {
        IpAddr::V4(v4) => scope_v4(v4),
        IpAddr::V6(v6) => scope_v6(v6),
    }
}

/// Section 3.2: loopback and auto-configured addresses are link-local, private ones are global.
fn scope_v4(address: Ipv4Addr) -> u8 {
    if address.is_loopback() || address.is_link_local() {
        LINK_LOCAL
    } else {
        GLOBAL
    }
}

/// Section 3.1; the loopback address counts as link-local (section 3.4).
fn scope_v6(address: Ipv6Addr) -> u8 {
    let [first, second, ..] = address.octets();
    if address.is_multicast() {
        second & 0x0f
    } else if address.is_loopback() || address.is_unicast_link_local() {
        LINK_LOCAL
    } else if first == 0xfe && second & 0xc0 == 0xc0 {
        SITE_LOCAL
    } else {
        GLOBAL
    }
}
