//! What is called.

use std::fmt;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Octets of the name that is sent, and comes back.
    pub(crate) payload: usize,
    /// Callers, each of which has one call under way at a time.
    pub(crate) in_flight: usize,
    /// Whether each call has a timeout.
    pub(crate) has_timeout: bool,
}

/// All that is measured.
pub(crate) const CASES: [Case; 6] = [
    Case::new(16, 1, false),
    Case::new(16, 100, false),
    Case::new(1024, 1, false),
    Case::new(1024, 100, false),
    Case::new(16, 1, true),
    Case::new(16, 100, true),
];

impl Case {
    const fn new(payload: usize, in_flight: usize, has_timeout: bool) -> Self {
        Self {
            payload,
            in_flight,
            has_timeout,
        }
    }

    /// As one word, for a child.
    pub(crate) fn code(&self) -> String {
        let timeout = u8::from(self.has_timeout);
        format!("{}/{}/{timeout}", self.payload, self.in_flight)
    }

    /// Reads what [`code`](Self::code) wrote.
    pub(crate) fn from_code(code: &str) -> Self {
        let case = CASES.into_iter().find(|case| case.code() == code);
        case.unwrap_or_else(|| panic!("no case {code:?}"))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match self.payload {
            1024 => "1 KiB".to_owned(),
            octets => format!("{octets} B"),
        };
        let timeout = if self.has_timeout { ", timeout" } else { "" };
        write!(f, "{size}, {} in flight{timeout}", self.in_flight)
    }
}
