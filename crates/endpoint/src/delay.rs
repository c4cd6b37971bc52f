//! The connection attempt delay.

use std::time::Duration;

/// The time that a connection attempt runs alone, before the next one starts beside it.
///
/// It is always in the range that the standards allow. A mistake in a configuration, such as 10 ms
/// where a round trip takes 80 ms, therefore cannot become an outage.
///
/// ```
/// use std::time::Duration;
/// use trunkline_endpoint::AttemptDelay;
///
/// assert_eq!(AttemptDelay::default().get(), Duration::from_millis(250));
/// // Out of range: clamped.
/// assert_eq!(AttemptDelay::new(Duration::from_millis(10)).get(), Duration::from_millis(100));
/// assert_eq!(AttemptDelay::new(Duration::from_secs(60)).get(), Duration::from_secs(2));
/// ```
///
/// Source: [RFC 8305 section 8](https://www.rfc-editor.org/rfc/rfc8305#section-8), gRFC A61.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptDelay(Duration);

impl AttemptDelay {
    /// 250 ms: "Connection Attempt Delay" of RFC 8305 section 8, and of gRFC A61.
    pub const DEFAULT: Self = Self(Duration::from_millis(250));
    /// 100 ms: "Minimum Connection Attempt Delay", recommended; the lower bound of gRFC A61.
    pub const MIN: Self = Self(Duration::from_millis(100));
    /// 2 s: "Maximum Connection Attempt Delay"; the upper bound of gRFC A61.
    pub const MAX: Self = Self(Duration::from_secs(2));
    /// 10 ms: the absolute minimum, a MUST NOT of RFC 8305 section 5.
    pub const ABSOLUTE_MIN: Self = Self(Duration::from_millis(10));

    /// Returns `delay`, clamped to the range of gRFC A61: [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    pub fn new(delay: Duration) -> Self {
        Self(delay.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Returns `delay`, clamped to the range from [`ABSOLUTE_MIN`](Self::ABSOLUTE_MIN) to
    /// [`MAX`](Self::MAX). Use it where round trips are known to be short.
    pub fn below_recommended(delay: Duration) -> Self {
        Self(delay.clamp(Self::ABSOLUTE_MIN.0, Self::MAX.0))
    }

    /// Returns the delay.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Default for AttemptDelay {
    fn default() -> Self {
        Self::DEFAULT
    }
}
