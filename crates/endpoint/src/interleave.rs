//! Interleaving: the addresses of several families in turn.

use crate::Family;

/// Interleaves the items of several families, so that a family without connectivity costs one
/// attempt and not many.
///
/// The family of the first item goes first, and the others follow in the order in which they first
/// appear: the list decides, not a rule such as "IPv6 first". Within a family the order stays. The
/// first turn of the first family has `first_family_count` items ("First Address Family Count" of
/// RFC 8305; 0 counts as 1), every other turn has one. Families may be of unequal size: the rest of
/// the largest goes last. The result has every item once.
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::{Family, interleave};
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
    let mut turns = Turns::new(first_family_count);
    let mut numbered: Vec<(Turn, T)> = items
        .into_iter()
        .map(|item| (turns.take(family(&item)), item))
        .collect();
    numbered.sort_by_key(|(turn, _)| *turn);
    numbered.into_iter().map(|(_, item)| item).collect()
}

/// Numbers the items of a sorted list with their [`Turn`]s, one item after the other: the state of
/// [`interleave`], for a caller that numbers a list in several steps.
#[derive(Debug)]
pub struct Turns {
    /// How many items of the first family are in the first round, minus one.
    ahead: u32,
    /// The number of families so far.
    appeared: u8,
    /// For each [`Family`]: its place in a round once it has appeared, and the number of its items
    /// so far.
    families: [(Option<u8>, u32); 3],
}

/// The place of an item in an interleaved list: items sorted by their turns are interleaved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    round: u32,
    /// The place of the family in the round.
    place: u8,
    /// The number of the item in its family, which orders the items of the first family that are in
    /// the first round together.
    nth: u32,
}

impl Turns {
    /// Starts a list whose first family has a first turn of `first_family_count` items; 0 counts as
    /// 1.
    #[must_use]
    pub fn new(first_family_count: usize) -> Self {
        Self {
            ahead: u32::try_from(first_family_count.saturating_sub(1)).unwrap_or(u32::MAX),
            appeared: 0,
            families: [(None, 0); 3],
        }
    }

    /// Returns the turn of the next item of the list, which is of this family.
    pub fn take(&mut self, family: Family) -> Turn {
        let (place, count) = &mut self.families[family as usize];
        let place = *place.get_or_insert_with(|| {
            self.appeared += 1;
            self.appeared - 1
        });
        let nth = *count;
        *count += 1;
        let round = match place {
            0 => nth.saturating_sub(self.ahead),
            _ => nth,
        };
        Turn { round, place, nth }
    }
}
