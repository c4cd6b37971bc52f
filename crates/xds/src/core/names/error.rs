//! Why a name of a resource cannot be used.

use std::error::Error;
use std::fmt;

/// Error: a name of a resource is malformed. Its text quotes the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    kind: NameErrorKind,
    /// The name, as it was written.
    name: String,
}

/// The kind of a [`NameError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameErrorKind {
    /// The name is empty.
    Empty,
    /// There is no `//` after `xdstp:`.
    NoAuthority,
    /// There is no path segment after the type.
    NoId,
    /// The first path segment is another type than the one of the resource.
    OtherType {
        /// The type in the name.
        found: String,
        /// The type of the resource, without `type.googleapis.com/`.
        expected: &'static str,
    },
    /// A `%` is not followed by two hexadecimal digits.
    BadEscape,
}

/// The longest part of a name that a text quotes, in characters.
const LONGEST_QUOTE: usize = 100;

impl NameError {
    pub(super) fn new(kind: NameErrorKind, name: &str) -> Self {
        let name = match name.char_indices().nth(LONGEST_QUOTE) {
            Some((end, _)) => format!("{}...", &name[..end]),
            None => name.to_owned(),
        };
        Self { kind, name }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> &NameErrorKind {
        &self.kind
    }

    /// Returns the name, cut after 100 characters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NameError {
    /// Prints a text such as `name "xdstp://a": no path after the authority`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name {:?}: ", self.name)?;
        match &self.kind {
            NameErrorKind::Empty => f.write_str("it is empty"),
            NameErrorKind::NoAuthority => f.write_str("no \"//\" after \"xdstp:\""),
            NameErrorKind::NoId => f.write_str("no path after the type"),
            NameErrorKind::OtherType { found, expected } => {
                write!(f, "its type is {found:?}, not {expected:?}")
            }
            NameErrorKind::BadEscape => f.write_str("a \"%\" without two hexadecimal digits"),
        }
    }
}

impl Error for NameError {}
