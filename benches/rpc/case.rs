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
    /// True if the calls go over TLS.
    pub(crate) is_encrypted: bool,
}

/// All cases.
pub(crate) const CASES: [Case; 10] = [
    Case::new(16, 1, false),
    Case::new(16, 100, false),
    Case::new(1024, 1, false),
    Case::new(1024, 100, false),
    Case::new(16, 1, true),
    Case::new(16, 100, true),
    Case::new(16, 1, false).encrypted(),
    Case::new(16, 100, false).encrypted(),
    Case::new(1024, 1, false).encrypted(),
    Case::new(1024, 100, false).encrypted(),
];

impl Case {
    const fn new(payload: usize, in_flight: usize, has_timeout: bool) -> Self {
        Self {
            payload,
            in_flight,
            has_timeout,
            is_encrypted: false,
        }
    }

    const fn encrypted(mut self) -> Self {
        self.is_encrypted = true;
        self
    }

    /// Encodes the case as one word, for a child. Other builds know the words, so they do not change.
    pub(crate) fn code(&self) -> String {
        let timeout = u8::from(self.has_timeout);
        let tls = if self.is_encrypted { "/tls" } else { "" };
        format!("{}/{}/{timeout}{tls}", self.payload, self.in_flight)
    }

    /// Parses the result of [`code`](Self::code); `None` for a case of another build.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        CASES.into_iter().find(|case| case.code() == code)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = match self.payload {
            1024 => "1 KiB".to_owned(),
            bytes => format!("{bytes} B"),
        };
        let timeout = if self.has_timeout { ", timeout" } else { "" };
        let tls = if self.is_encrypted { ", TLS" } else { "" };
        write!(f, "{size}, {} in flight{timeout}{tls}", self.in_flight)
    }
}
