//! Shares of calls.

use std::fmt;

/// A share of calls, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fraction(u32);

impl Fraction {
    /// The denominator.
    pub const DENOMINATOR: u32 = 1_000_000;

    /// All calls.
    pub const ALL: Self = Self(Self::DENOMINATOR);

    /// Returns the share of so many millionths, at most [`ALL`](Self::ALL).
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        if millionths > Self::DENOMINATOR as u64 {
            Self::ALL
        } else {
            Self(millionths as u32)
        }
    }

    /// Returns the share in millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Returns whether a call with this draw from `0..1_000_000` is one of the share. A share of 0
    /// has no call.
    #[must_use]
    pub const fn contains(self, draw: u32) -> bool {
        draw < self.0
    }
}

impl fmt::Display for Fraction {
    /// Prints a percentage, such as `12.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 10_000.0)
    }
}
