//! Families taken in turn.

use std::collections::VecDeque;

use crate::Family;

/// Takes the families in turn, so that one which is broken costs one attempt and not all.
///
/// The family of the first item goes first, and the others follow in the order in which they first
/// appear: the list, not a rule such as "IPv6 first", decides. Within a family the order stays. The
/// first turn of the first family is `first_family_count` items long (RFC 8305's "First Address
/// Family Count"; 0 counts as 1), every other turn one item. Families may be of unequal size: what
/// is left of the longest goes last. Linear, and nothing is added or lost.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_connect::{Family, interleave};
///
/// let sorted: Vec<SocketAddr> = ["[2001:db8::1]:443", "[2001:db8::2]:443", "192.0.2.1:443"]
///     .map(|text| text.parse().unwrap())
///     .to_vec();
/// let turns = interleave(sorted, |&address| Family::from(address), 1);
/// assert_eq!(turns[1], "192.0.2.1:443".parse().unwrap());
/// ```
///
/// Source: [RFC 8305 section 4](https://www.rfc-editor.org/rfc/rfc8305#section-4), gRFC A61.
pub fn interleave<T>(
    items: impl IntoIterator<Item = T>,
    family: impl Fn(&T) -> Family,
    first_family_count: usize,
) -> Vec<T> {
    let mut total = 0;
    let mut families: Vec<(Family, VecDeque<T>)> = Vec::new();
    for item in items {
        total += 1;
        let its_family = family(&item);
        match families.iter_mut().find(|(known, _)| *known == its_family) {
            Some((_, members)) => members.push_back(item),
            None => families.push((its_family, VecDeque::from([item]))),
        }
    }

    let mut turns = Vec::with_capacity(total);
    if let Some((_, first)) = families.first_mut() {
        let ahead = first_family_count.saturating_sub(1).min(first.len());
        turns.extend(first.drain(..ahead));
    }
    while turns.len() < total {
        let round = families.iter_mut();
        turns.extend(round.filter_map(|(_, members)| members.pop_front()));
    }
    turns
}
