//! Parsing of IP literals in `const fn`; the parsers of [`core::net`] are not `const`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bytes::{Span, find, hex};

/// Parses four numbers up to 255 without leading zeros, as [`Ipv4Addr`] does.
#[inline]
pub(crate) const fn v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    match v4_prefix(bytes) {
        Some((ip, end)) if end == bytes.len() => Some(ip),
        _ => None,
    }
}

/// Parses the IPv4 address at the beginning of `bytes`, and returns where it ends. Ignores the
/// bytes after it.
#[inline]
pub(crate) const fn v4_prefix(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    const LONGEST: usize = "255.255.255.255".len();
    let bytes = match bytes.split_at_checked(LONGEST) {
        Some((head, _)) => head,
        None => bytes,
    };
    let mut address = 0;
    let mut value = 0;
    let mut dots = 0;
    let mut start = 0;
    let mut i = 0;
    while i < bytes.len() {
        let digit = bytes[i].wrapping_sub(b'0');
        if digit < 10 {
            // Fifteen digits fit, so the value is checked only at the end of the number.
            value = value * 10 + digit as u64;
        } else if bytes[i] == b'.' && dots < 3 && is_byte(bytes, start, i, value) {
            address = address << 8 | value as u32;
            (value, start) = (0, i + 1);
            dots += 1;
        } else {
            break;
        }
        i += 1;
    }
    if dots != 3 || !is_byte(bytes, start, i, value) {
        return None;
    }
    Some((Ipv4Addr::from_bits(address << 8 | value as u32), i))
}

/// Returns whether the digits from `start` to `end`, whose value is `value`, are a number up to 255
/// without leading zeros.
#[inline(always)]
const fn is_byte(bytes: &[u8], start: usize, end: usize, value: u64) -> bool {
    start < end && value <= 255 && (bytes[start] != b'0' || end - start == 1)
}

/// Parses the text forms of RFC 4291 section 2.2, as [`Ipv6Addr`] does.
#[inline]
pub(crate) const fn v6(bytes: &[u8]) -> Option<Ipv6Addr> {
    let len = bytes.len();
    // `bits` has the groups after the gap `::`, or all groups; `n` counts the groups on both sides.
    let mut bits = 0u128;
    let mut n = 0;
    let mut gap = None;
    let mut i = 0;
    if len >= 2 && bytes[0] == b':' && bytes[1] == b':' {
        gap = Some((0, 0));
        i = 2;
    }
    while i < len {
        if n == 8 {
            return None;
        }
        let start = i;
        let mut value = 0;
        while i < len && i - start < 4 {
            let Some(digit) = hex(bytes[i]) else { break };
            value = value * 16 + digit as u128;
            i += 1;
        }
        if i == start {
            return None;
        }
        if i < len && bytes[i] == b'.' {
            let Some(tail) = v4(Span::new(start, len).of(bytes)) else {
                return None;
            };
            if n > 6 {
                return None;
            }
            bits = bits << 32 | tail.to_bits() as u128;
            n += 2;
            break;
        }
        bits = bits << 16 | value;
        n += 1;
        if i == len {
            break;
        }
        if bytes[i] != b':' || i + 1 == len {
            return None;
        }
        i += 1;
        if bytes[i] == b':' {
            if gap.is_some() {
                return None;
            }
            gap = Some((bits, n));
            bits = 0;
            i += 1;
        }
    }
    match gap {
        Some((head, before)) if n < 8 => {
            let head = head.unbounded_shl(16 * (8 - before));
            Some(Ipv6Addr::from_bits(head | bits))
        }
        None if n == 8 => Some(Ipv6Addr::from_bits(bits)),
        _ => None,
    }
}

/// Parses an IPv6 literal with or without a zone, and returns where the `%` of the zone is.
#[inline]
pub(crate) const fn v6_zone(bytes: &[u8]) -> Option<(Ipv6Addr, Option<usize>)> {
    let percent = find(bytes, b'%', 0);
    let end = match percent {
        // RFC 6874: a zone is not empty.
        Some(at) if at + 1 < bytes.len() => at,
        Some(_) => return None,
        None => bytes.len(),
    };
    match v6(Span::new(0, end).of(bytes)) {
        Some(ip) => Some((ip, percent)),
        None => None,
    }
}

/// Parses an IP literal without brackets.
#[inline]
pub(crate) const fn any(bytes: &[u8]) -> Option<IpAddr> {
    match v6_zone(bytes) {
        Some((ip, _)) => Some(IpAddr::V6(ip)),
        None => match v4(bytes) {
            Some(ip) => Some(IpAddr::V4(ip)),
            None => None,
        },
    }
}

/// Returns the value of the digits from `start` on, at most 2^32, and where the digits end.
#[inline]
pub(crate) const fn digits(bytes: &[u8], start: usize) -> (u64, usize) {
    const TOO_LARGE: u64 = 1 << 32;
    let mut value = 0;
    let mut i = start;
    while i < bytes.len() {
        let digit = bytes[i].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + digit as u64;
        if value > TOO_LARGE {
            value = TOO_LARGE;
        }
        i += 1;
    }
    (value, i)
}

/// Parses a decimal number without a sign; `None` if it is anything else, or too large for 32 bits.
#[inline]
pub(crate) const fn decimal(bytes: &[u8]) -> Option<u32> {
    match digits(bytes, 0) {
        (value @ 0..=0xFFFF_FFFF, end) if end == bytes.len() && end > 0 => Some(value as u32),
        _ => None,
    }
}
