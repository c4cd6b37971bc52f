//! How many calls stay in the own zone.

/// What the rule depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadyCounts {
    /// The ready endpoints of the own zone.
    pub(super) local: usize,
    /// The ready endpoints of the other zones.
    pub(super) remote: usize,
    /// The number of zones in the list.
    pub(super) zones: usize,
    /// With fewer ready endpoints, the own zone is not preferred.
    pub(super) min_local: usize,
}

impl ReadyCounts {
    /// Returns the weights of the own zone and of the others, whose sum is the number of ready
    /// endpoints.
    ///
    /// Each of the `zones` zones is taken to make the same number of calls. The own zone has
    /// `local / ready` of the endpoints, and needs `1 / zones` of them for its own calls. If it has
    /// as many, all calls stay. Otherwise it serves its part, `local * zones / ready` of its own
    /// calls, and the rest go to the others.
    pub(super) fn weights(self) -> (u64, u64) {
        let ready = self.local + self.remote;
        let stays = if self.local < self.min_local {
            self.local
        } else {
            self.local.saturating_mul(self.zones).min(ready)
        };
        (to_u64(stays), to_u64(ready - stays))
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::ReadyCounts;

    #[track_caller]
    fn check(local: usize, remote: usize, zones: usize, min_local: usize, expected: (u64, u64)) {
        let counts = ReadyCounts {
            local,
            remote,
            zones,
            min_local,
        };
        assert_eq!(counts.weights(), expected);
    }

    #[test]
    fn rule() {
        // As many endpoints in each of three zones: all calls stay.
        check(4, 8, 3, 1, (12, 0));
        // More than the zone needs.
        check(6, 2, 2, 1, (8, 0));
        // A quarter of the endpoints for a third of the calls: three quarters of them stay.
        check(2, 6, 3, 1, (6, 2));
        // One of ten endpoints for half of the calls.
        check(1, 9, 2, 1, (2, 8));
        // Too few endpoints to prefer them: an even share.
        check(1, 3, 4, 2, (1, 3));
        check(2, 6, 4, 2, (8, 0));
        // None on one side.
        check(0, 5, 2, 1, (0, 5));
        check(5, 0, 1, 1, (5, 0));
        check(0, 0, 0, 1, (0, 0));
    }
}
