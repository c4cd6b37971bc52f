//! IP literals, read by `const fn`: those of [`core::net`] are not.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{Span, find, hex};

/// Four numbers up to 255 without leading zeros, as [`Ipv4Addr`] reads them.
#[inline]
pub(crate) const fn v4(octets: &[u8]) -> Option<Ipv4Addr> {
    if octets.len() < 7 || octets.len() > 15 {
        return None;
    }
    let mut address = 0;
    let mut value = 0;
    let mut dots = 0;
    let mut start = 0;
    let mut i = 0;
    while i < octets.len() {
        let digit = octets[i].wrapping_sub(b'0');
        if digit < 10 {
            // Fifteen digits fit; how large it is counts at the end of the number.
            value = value * 10 + digit as u64;
        } else if octets[i] == b'.' && dots < 3 && is_byte(octets, start, i, value) {
            address = address << 8 | value as u32;
            (value, start) = (0, i + 1);
            dots += 1;
        } else {
            return None;
        }
        i += 1;
    }
    if dots != 3 || !is_byte(octets, start, i, value) {
        return None;
    }
    Some(Ipv4Addr::from_bits(address << 8 | value as u32))
}

/// Whether the digits from `start` to `end`, which make `value`, are a number up to 255 without
/// leading zeros.
#[inline(always)]
const fn is_byte(octets: &[u8], start: usize, end: usize, value: u64) -> bool {
    start < end && value <= 255 && (octets[start] != b'0' || end - start == 1)
}

/// The text forms of RFC 4291 section 2.2, as [`Ipv6Addr`] reads them.
#[inline]
pub(crate) const fn v6(octets: &[u8]) -> Option<Ipv6Addr> {
    let len = octets.len();
    let mut groups = [0u16; 8];
    let mut n = 0;
    let mut gap = None;
    let mut i = 0;
    if len >= 2 && octets[0] == b':' && octets[1] == b':' {
        gap = Some(0);
        i = 2;
    }
    while i < len {
        if n == 8 {
            return None;
        }
        let start = i;
        let mut value: u16 = 0;
        while i < len && i - start < 4 {
            let Some(digit) = hex(octets[i]) else { break };
            value = value * 16 + digit as u16;
            i += 1;
        }
        if i == start {
            return None;
        }
        if i < len && octets[i] == b'.' {
            let Some(tail) = v4(Span::new(start, len).of(octets)) else {
                return None;
            };
            if n > 6 {
                return None;
            }
            let [a, b, c, d] = tail.octets();
            groups[n] = u16::from_be_bytes([a, b]);
            groups[n + 1] = u16::from_be_bytes([c, d]);
            n += 2;
            break;
        }
        groups[n] = value;
        n += 1;
        if i == len {
            break;
        }
        if octets[i] != b':' || i + 1 == len {
            return None;
        }
        i += 1;
        if octets[i] == b':' {
            if gap.is_some() {
                return None;
            }
            gap = Some(n);
            i += 1;
        }
    }
    let Some(gap) = gap else {
        return if n == 8 { Some(from(groups)) } else { None };
    };
    if n >= 8 {
        return None;
    }
    let mut whole = [0u16; 8];
    let mut k = 0;
    while k < n {
        whole[if k < gap { k } else { 8 - n + k }] = groups[k];
        k += 1;
    }
    Some(from(whole))
}

#[inline]
const fn from(g: [u16; 8]) -> Ipv6Addr {
    Ipv6Addr::new(g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7])
}

/// An IPv6 literal with or without a zone; and where the zone begins.
#[inline]
pub(crate) const fn v6_zone(octets: &[u8]) -> Option<(Ipv6Addr, Option<usize>)> {
    let percent = find(octets, b'%', 0);
    let end = match percent {
        // RFC 6874: a zone is not empty.
        Some(at) if at + 1 < octets.len() => at,
        Some(_) => return None,
        None => octets.len(),
    };
    match v6(Span::new(0, end).of(octets)) {
        Some(ip) => Some((ip, percent)),
        None => None,
    }
}

/// An IP literal without brackets.
#[inline]
pub(crate) const fn any(octets: &[u8]) -> Option<IpAddr> {
    if octets.is_empty() {
        return None;
    }
    if octets[0].is_ascii_digit()
        && let Some(ip) = v4(octets)
    {
        return Some(IpAddr::V4(ip));
    }
    // Names are many and have no colon: do not try them.
    if find(octets, b':', 0).is_none() {
        return None;
    }
    match v6_zone(octets) {
        Some((ip, _)) => Some(IpAddr::V6(ip)),
        None => None,
    }
}

/// A decimal number without a sign; `None` where it is none or too large for 32 bits.
#[inline]
pub(crate) const fn decimal(octets: &[u8]) -> Option<u32> {
    if octets.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    let mut i = 0;
    while i < octets.len() {
        if !octets[i].is_ascii_digit() {
            return None;
        }
        value = value * 10 + (octets[i] - b'0') as u64;
        if value > u32::MAX as u64 {
            return None;
        }
        i += 1;
    }
    Some(value as u32)
}
