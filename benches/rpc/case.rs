//! The measured cases.

use std::fmt;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Length in bytes of the name in the request, which the reply repeats.
    pub(crate) payload: usize,
    /// Number of callers, each of which has one call in flight at a time.
    pub(crate) in_flight: usize,
    /// True if each call has a timeout.
    pub(crate) has_timeout: bool,
}

/// All cases.
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

    /// Encodes the case as one word, for a child.
    pub(crate) fn code(&self) -> String {
        let timeout = u8::from(self.has_timeout);
        format!("{}/{}/{timeout}", self.payload, self.in_flight)
    }

    /// Parses the result of [`code`](Self::code).
    pub(crate) fn from_code(code: &str) -> Self {
        let case = CASES.into_iter().find(|case| case.code() == code);
        case.unwrap_or_else(|| panic!("no case {code:?}"))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match self.payload {
            1024 => "1 KiB".to_owned(),
            bytes => format!("{bytes} B"),
        };
        let timeout = if self.has_timeout { ", timeout" } else { "" };
        write!(f, "{size}, {} in flight{timeout}", self.in_flight)
    }
}
