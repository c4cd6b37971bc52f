//! The error for a bad service config.

use std::fmt;

/// Error: a service config has a bad value. It contains the path of the value, and the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    problem: String,
}

impl ConfigError {
    /// Returns an error at the value itself. `problem` is a text such as "expected .., found ..".
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            problem: problem.into(),
        }
    }

    /// Prefixes the path with `field`, the place of the value in the object or list around it.
    #[must_use]
    pub fn within(mut self, field: impl fmt::Display) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{field}{joint}{}", self.path);
        self
    }

    /// Returns the path of the bad value, such as `methodConfig[0].timeout`; empty for the whole
    /// config.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for ConfigError {}
