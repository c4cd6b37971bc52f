//! The rules of RFC 6724 section 6, as one sort key.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::policy_table::{PrefixPolicy, common_prefix_len};
use super::probe::{SourceAddress, SourceProbe};
use super::scope::scope;

/// Sorts addresses by RFC 6724 section 6, best first; see [`sort_rfc6724_by`].
pub fn sort_rfc6724(addresses: &mut [SocketAddr], probe: &(impl SourceProbe + ?Sized)) {
    sort_rfc6724_by(addresses, |&address| address, probe);
}

/// Sorts items by their addresses and RFC 6724 section 6, best first.
///
/// It applies rules 1 to 9 with the default policy table, and round-trip times between rules 8 and
/// 9. Items that all of these leave equal keep their order (rule 10). The probe is asked once for
/// each item, and not at all if there is only one item.
///
/// There are two deviations, for the same reason: a DNS server may order its answer to balance the
/// load, and a rule that cannot be decided must not undo that order. Destinations without a source
/// address (rule 1) keep their order among themselves. Rule 9 compares IPv4 destinations only where
/// the source's prefix length is known, and then only by whether a destination is on that link, as
/// glibc does.
///
/// Source: [RFC 6724 section 6](https://www.rfc-editor.org/rfc/rfc6724#section-6),
/// [RFC 8305 section 4](https://www.rfc-editor.org/rfc/rfc8305#section-4).
pub fn sort_rfc6724_by<T>(
    items: &mut [T],
    address: impl Fn(&T) -> SocketAddr,
    probe: &(impl SourceProbe + ?Sized),
) {
    items.sort_by_cached_key(|item| Preference::of(address(item), false, probe));
}

/// The sort key of a destination: a smaller one is better. The RFC compares pairs; a key makes the
/// order total, whatever the probe returns.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    /// Rule 1: avoid unusable destinations.
    unusable: bool,
    /// The user's own rule, ahead of rules 2 to 9: true when the destination is not of the family
    /// that the user prefers.
    is_other_family: bool,
    /// `None` where the destination is unusable.
    rules: Option<Rules>,
}

impl Preference {
    pub(crate) fn of(
        destination: SocketAddr,
        is_other_family: bool,
        probe: &(impl SourceProbe + ?Sized),
    ) -> Self {
        let source = probe.source(destination);
        Self {
            unusable: source.is_none(),
            is_other_family,
            rules: source.map(|source| {
                let round_trip = probe.round_trip(destination);
                Rules::of(
                    destination.ip(),
                    source,
                    round_trip.map(|known| known.smoothed),
                )
            }),
        }
    }
}

/// Rules 2 to 9, one field for each, in their order: the derived `Ord` compares them one after the
/// other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rules {
    /// Rule 2: prefer matching scope.
    scope_differs: bool,
    /// Rule 3: avoid deprecated addresses.
    deprecated: bool,
    /// Rule 4: prefer home addresses. 0 for an address that is both home and care-of, 2 for one
    /// that is a care-of address only, else 1.
    mobility: u8,
    /// Rule 5: prefer matching label.
    label_differs: bool,
    /// Rule 6: prefer higher precedence.
    precedence: Reverse<u8>,
    /// Rule 7: prefer native transport.
    encapsulated: bool,
    /// Rule 8: prefer smaller scope.
    scope: u8,
    /// RFC 8305 section 4: prefer a lower round-trip time; addresses without one go last.
    rtt: (bool, Option<Duration>),
    /// Rule 9: use longest matching prefix. IPv4 and IPv6 are never compared here, because rule 6
    /// has separated them.
    matching_prefix: Reverse<u32>,
}

impl Rules {
    fn of(destination: IpAddr, source: SourceAddress, rtt: Option<Duration>) -> Self {
        let policy = PrefixPolicy::of(mapped(destination));
        let its_scope = scope(destination);
        Self {
            scope_differs: its_scope != scope(source.address),
            deprecated: source.deprecated,
            mobility: match (source.home, source.care_of) {
                (true, true) => 0,
                (_, false) => 1,
                (false, true) => 2,
            },
            label_differs: policy.label != PrefixPolicy::of(mapped(source.address)).label,
            precedence: Reverse(policy.precedence),
            encapsulated: source.encapsulated,
            scope: its_scope,
            rtt: (rtt.is_none(), rtt),
            matching_prefix: Reverse(matching_prefix(destination, source)),
        }
    }
}

/// The length in bits of `::ffff:0:0/96`, the prefix of IPv4-mapped addresses (RFC 4291 section
/// 2.5.5.2).
const MAPPED_PREFIX_LEN: u32 = 96;
/// The length in bits of a source's on-link prefix where it is not known: that of a unicast subnet
/// (RFC 4291 section 2.5.1).
const DEFAULT_V6_PREFIX_LEN: u32 = 64;

/// Returns `CommonPrefixLen` of RFC 6724 section 2.2, which is at most the length of the source's
/// own prefix. For IPv4 it is all of that prefix or 0.
fn matching_prefix(destination: IpAddr, source: SourceAddress) -> u32 {
    let common = common_prefix_len(mapped(destination), mapped(source.address));
    match (destination.to_canonical(), source.prefix_len) {
        (IpAddr::V6(_), bits) => common.min(bits.map_or(DEFAULT_V6_PREFIX_LEN, u32::from)),
        (IpAddr::V4(_), None) => 0,
        (IpAddr::V4(_), Some(bits)) => {
            let bits = u32::from(bits);
            if common >= MAPPED_PREFIX_LEN + bits {
                bits
            } else {
                0
            }
        }
    }
}

/// Returns an IPv4 address as IPv4-mapped IPv6, the form that the policy table has.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
