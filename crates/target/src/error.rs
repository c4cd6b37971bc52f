//! Errors and warnings.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// The part of a target that is wrong or odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Characters that no target may contain.
    Syntax,
    /// The scheme, or the default scheme.
    Scheme,
    /// The authority, which begins after `//`.
    Authority,
    /// The host in the endpoint, or an address or name in its place.
    Host,
    /// The port in the endpoint.
    Port,
    /// A percent escape.
    Escape,
    /// The endpoint as a whole.
    Endpoint,
    /// A scheme that has no resolver and is never read as a host name.
    Unsupported,
}

impl ErrorKind {
    /// Returns the kind as a word in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Scheme => "scheme",
            Self::Authority => "authority",
            Self::Host => "host",
            Self::Port => "port",
            Self::Escape => "escape",
            Self::Endpoint => "endpoint",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The content of an error or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: ErrorKind,
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) expected: &'static str,
    pub(crate) suggestion: Option<String>,
}

/// Error: a text is not a target. It contains what is wrong, where, what was expected, and a target
/// that may be meant.
///
/// ```
/// use trunkline_target::{ErrorKind, Target};
///
/// let error = Target::parse("dns://my-svc:5000").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Endpoint);
/// assert_eq!(error.suggestion(), Some("dns:///my-svc:5000"));
/// assert_eq!(
///     error.to_string(),
///     "authority `my-svc:5000` and no endpoint; did you mean `dns:///my-svc:5000`?",
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ParseError(pub(crate) Box<Finding>);

/// Warning: a text is a target, but probably a mistake.
///
/// ```
/// use trunkline_target::Target;
///
/// let target = Target::parse("dns:/orders:5000")?;
/// assert_eq!(target.warnings()[0].suggestion(), Some("dns:///orders:5000"));
/// # Ok::<(), trunkline_target::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Warning(pub(crate) Finding);

macro_rules! finding {
    ($type:ident) => {
        impl $type {
            /// Returns which part of the target is affected.
            #[must_use]
            pub fn kind(&self) -> ErrorKind {
                self.0.kind
            }

            /// Returns the byte offset of the place in the text, at most the length of the text.
            #[must_use]
            pub fn at(&self) -> usize {
                self.0.at
            }

            /// Returns what is wrong or odd, without the suggestion.
            #[must_use]
            pub fn message(&self) -> &str {
                &self.0.message
            }

            /// Returns what was expected at that place.
            #[must_use]
            pub fn expected(&self) -> &'static str {
                self.0.expected
            }

            /// Returns a target that may be meant, in which nothing is wrong or odd. A text of more
            /// than 64 KiB has no suggestion.
            #[must_use]
            pub fn suggestion(&self) -> Option<&str> {
                self.0.suggestion.as_deref()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.message())?;
                match self.suggestion() {
                    Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
                    None => Ok(()),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("kind", &self.kind())
                    .field("at", &self.at())
                    .field("message", &self.message())
                    .field("expected", &self.expected())
                    .field("suggestion", &self.suggestion())
                    .finish()
            }
        }
    };
}

finding!(ParseError);
finding!(Warning);

impl core::error::Error for ParseError {}
