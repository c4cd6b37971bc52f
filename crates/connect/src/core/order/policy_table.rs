//! The default policy table of RFC 6724 section 2.1.

use std::net::Ipv6Addr;

/// One row of the table: the prefix, its length in bits, the precedence, the label.
struct PolicyRow(Ipv6Addr, u32, u8, u8);

/// The rows, longest prefix first, so that the first row that matches is the longest match.
const TABLE: [PolicyRow; 9] = [
    PolicyRow(Ipv6Addr::LOCALHOST, 128, 50, 0),
    PolicyRow(v6(0, 0, 0, 0, 0, 0xffff), 96, 35, 4),
    PolicyRow(v6(0, 0, 0, 0, 0, 0), 96, 1, 3),
    PolicyRow(v6(0x2001, 0, 0, 0, 0, 0), 32, 5, 5),
    PolicyRow(v6(0x2002, 0, 0, 0, 0, 0), 16, 30, 2),
    PolicyRow(v6(0x3ffe, 0, 0, 0, 0, 0), 16, 1, 12),
    PolicyRow(v6(0xfec0, 0, 0, 0, 0, 0), 10, 1, 11),
    PolicyRow(v6(0xfc00, 0, 0, 0, 0, 0), 7, 3, 13),
    PolicyRow(v6(0, 0, 0, 0, 0, 0), 0, 40, 1),
];

/// The prefix of an IPv6 network, by its first six groups.
const fn v6(a: u16, b: u16, c: u16, d: u16, e: u16, f: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, e, f, 0, 0)
}

/// The entry of the table for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrefixPolicy {
    /// A higher one is better (rule 6).
    pub(super) precedence: u8,
    /// Source and destination should have the same label (rule 5).
    pub(super) label: u8,
}

impl PrefixPolicy {
    /// Looks `address` up in the table; an IPv4 address is given in its IPv4-mapped form.
    pub(super) fn of(address: Ipv6Addr) -> Self {
        let matching = TABLE
            .iter()
            .find(|PolicyRow(prefix, bits, ..)| common_prefix_len(*prefix, address) >= *bits);
        let PolicyRow(_, _, precedence, label) = matching.unwrap_or(&TABLE[TABLE.len() - 1]);
        Self {
            precedence: *precedence,
            label: *label,
        }
    }
}

/// Returns the number of leading bits that `a` and `b` have in common.
pub(super) fn common_prefix_len(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}
