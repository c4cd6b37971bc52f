//! The weights of endpoints among all endpoints of a priority.
//!
//! Source: [gRFC A113](https://github.com/grpc/proposal/blob/master/A113-pick-first-weighted-shuffling.md).

/// A share of a sum, as a number of `1 / 2^31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u32);

impl Share {
    /// The bits after the point.
    const BITS: u32 = 31;

    /// Returns `part / sum`, rounded down. A part above the sum counts as all of it, and so does a
    /// part of nothing.
    pub(super) fn of(part: u32, sum: u64) -> Self {
        if u64::from(part) >= sum {
            return Self(1 << Self::BITS);
        }
        // The part is below the sum, so the share is below 2^31.
        Self(((u64::from(part) << Self::BITS) / sum) as u32)
    }

    /// Returns this share of another one as a weight, at least 1.
    pub(super) fn weight_within(self, outer: Self) -> u32 {
        let product = u64::from(self.0) * u64::from(outer.0);
        // Both are at most 2^31, and so is the product after the shift.
        ((product >> Self::BITS) as u32).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    /// (w_loc / sum_loc) x (w_ep / sum_ep) in 31 bits, at least 1.
    #[test]
    fn xds_3_4_6_weights_are_products_of_shares() {
        let weight = |locality, localities, endpoint, endpoints| {
            Share::of(endpoint, endpoints).weight_within(Share::of(locality, localities))
        };
        assert_eq!(weight(1, 1, 1, 1), 1 << 31);
        assert_eq!(weight(1, 2, 1, 4), 1 << 28);
        assert_eq!(weight(1, 3, 1, 1), 715_827_882);
        let most = u32::MAX;
        assert_eq!(weight(1, u64::from(most), 1, u64::from(most)), 1);
        assert_eq!(
            weight(most, u64::from(most), most, u64::from(most)),
            1 << 31
        );
    }
}
