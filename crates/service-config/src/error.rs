//! The error for a bad service config.

use std::fmt;

use crate::place::{Place, Step};

/// Error: a service config has a bad value. It contains the place of the value, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: Place,
    reason: String,
}

impl ConfigError {
    /// Returns an error at the value itself. `reason` is a text such as "expected .., found ..".
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            place: Place::default(),
            reason: reason.into(),
        }
    }

    /// Adds the field of an object that contains the value.
    #[must_use]
    pub fn within(mut self, field: impl Into<String>) -> Self {
        self.place.push_outer(Step::Field(field.into()));
        self
    }

    /// Adds the index of the item of an array that contains the value; the first is 0.
    #[must_use]
    pub fn within_item(mut self, index: usize) -> Self {
        self.place.push_outer(Step::Item(index));
        self
    }

    /// Returns the path of the bad value, such as `methodConfig[0].timeout`; empty for the whole
    /// config.
    #[must_use]
    pub fn path(&self) -> String {
        self.place.to_string()
    }

    /// Returns the JSON pointer to the bad value, such as `/methodConfig/0/timeout`; empty for the
    /// whole config. For a field that is missing, it points to where that belongs.
    ///
    /// Source: [RFC 6901](https://www.rfc-editor.org/rfc/rfc6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        self.place.pointer()
    }

    /// Returns the reason, such as `expected a string, found 1`.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for ConfigError {
    /// Prints the path and the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_root() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.place, self.reason)
        }
    }
}

impl std::error::Error for ConfigError {}
