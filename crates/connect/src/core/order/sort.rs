//! The rules of RFC 6724 section 6, as one key to sort by.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::policy_table::{PrefixPolicy, common_prefix_len};
use super::probe::{SourceAddress, SourceProbe};
use super::scope::scope;

/// Sorts addresses as RFC 6724 section 6 says, best first; see [`sort_rfc6724_by`].
pub fn sort_rfc6724(addresses: &mut [SocketAddr], probe: &(impl SourceProbe + ?Sized)) {
    sort_rfc6724_by(addresses, |&address| address, probe);
}

/// Sorts whatever has an address as RFC 6724 section 6 says, best first.
///
/// Rules 1 to 9 with the default policy table, round-trip times between rules 8 and 9, and rule 10
/// (the order stays as it was) for the rest. The probe is asked once for each item, and not at all
/// if there is only one item.
///
/// Two deviations, for the same reason: a rule that cannot be decided must not undo the order that
/// a DNS server gave for balancing. Destinations without a source (rule 1) keep their order among
/// themselves. Rule 9 compares IPv4 destinations only where the source's prefix length is known,
/// and then only asks whether a destination is on that link, as glibc does.
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

/// How much a destination is liked: the smaller, the better. A key instead of pairwise rules makes
/// the order total, whatever a probe says.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    /// Rule 1: avoid unusable destinations.
    unusable: bool,
    /// The user's own rule, ahead of all others: not of the family that is asked for.
    disliked: bool,
    /// `None` where it is unusable.
    rules: Option<Rules>,
}

impl Preference {
    pub(crate) fn of(
        destination: SocketAddr,
        disliked: bool,
        probe: &(impl SourceProbe + ?Sized),
    ) -> Self {
        let source = probe.source(destination);
        Self {
            unusable: source.is_none(),
            disliked,
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

/// The fields in the order of the rules; derived `Ord` compares them one after the other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rules {
    /// Rule 2: prefer matching scope.
    scope_differs: bool,
    /// Rule 3: avoid deprecated addresses.
    deprecated: bool,
    /// Rule 4: prefer home addresses. Both at once is best, only a care-of address worst.
    mobility: u8,
    /// Rule 5: prefer matching label.
    label_differs: bool,
    /// Rule 6: prefer higher precedence.
    precedence: Reverse<u8>,
    /// Rule 7: prefer native transport.
    encapsulated: bool,
    /// Rule 8: prefer smaller scope.
    scope: u8,
    /// RFC 8305 section 4: lower round-trip time first, then used before unused.
    rtt: (bool, Option<Duration>),
    /// Rule 9: use longest matching prefix. IPv4 and IPv6 never meet here: rule 6 has parted them.
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

/// `CommonPrefixLen` of RFC 6724 section 2.2: never longer than the source's own prefix.
fn matching_prefix(destination: IpAddr, source: SourceAddress) -> u32 {
    let common = common_prefix_len(mapped(destination), mapped(source.address));
    match (destination.to_canonical(), source.prefix_len) {
        (IpAddr::V6(_), bits) => common.min(bits.map_or(64, u32::from)),
        (IpAddr::V4(_), None) => 0,
        (IpAddr::V4(_), Some(bits)) => match common >= 96 + u32::from(bits) {
            true => u32::from(bits),
            false => 0,
        },
    }
}

/// IPv4 as IPv4-mapped IPv6, which is how the policy table speaks of it.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
