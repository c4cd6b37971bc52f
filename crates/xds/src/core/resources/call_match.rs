//! Conditions on calls.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderValue};

use super::fault::cut;
use super::matcher::{Pattern, StringMatcher, equals, starts_with};

/// A condition on a path, `/package.Service/Method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatcher {
    /// Starts with this text; the empty text and `/` match every path.
    Prefix {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Equal to this text.
    Exact {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Matches this pattern as a whole.
    Regex(Pattern),
}

/// A condition on a header of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatcher {
    /// The name of the header, in lower case. A text, because names that a call cannot have
    /// (pseudo-headers) are allowed, and count as absent.
    pub name: Box<str>,
    /// The condition.
    pub condition: HeaderCondition,
    /// Whether the condition must not hold. An absent header never matches, except
    /// [`Present`](HeaderCondition::Present).
    pub invert: bool,
}

/// A condition on the value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderCondition {
    /// The header is there, or with `false` is not.
    Present(bool),
    /// A decimal integer from `start` up to, and not including, `end`.
    Range {
        /// The first integer that matches.
        start: i64,
        /// The first integer after those that match.
        end: i64,
    },
    /// A condition on the text.
    Text(StringMatcher),
}

impl PathMatcher {
    /// Returns whether a path meets the condition.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Prefix { text, ignore_case } => starts_with(path, text, *ignore_case),
            Self::Exact { text, ignore_case } => equals(path, text, *ignore_case),
            Self::Regex(pattern) => pattern.matches(path),
        }
    }
}

impl HeaderMatcher {
    /// Returns whether the metadata of a call meets the condition.
    #[must_use]
    pub fn matches(&self, metadata: &HeaderMap) -> bool {
        if let HeaderCondition::Present(expected) = self.condition {
            return (is_present(&self.name, metadata) == expected) != self.invert;
        }
        // An absent header meets no other condition, and no inverted one either.
        let Some(value) = text(&self.name, metadata) else {
            return false;
        };
        let holds = match &self.condition {
            HeaderCondition::Present(_) => true,
            HeaderCondition::Range { start, end } => value
                .parse()
                .is_ok_and(|number: i64| (*start..*end).contains(&number)),
            HeaderCondition::Text(matcher) => matcher.matches(&value),
        };
        holds != self.invert
    }
}

/// What a call without the header has as `content-type`.
const CONTENT_TYPE: &str = "application/grpc";

/// Headers that the transport adds. Which of them are there when a route is chosen is no matter of the
/// call.
const OF_TRANSPORT: [&str; 7] = [
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-message",
    "grpc-message-type",
    "grpc-previous-rpc-attempts",
    "grpc-status",
    "grpc-timeout",
];

/// Returns whether a route may look at a header with this name: it is none of the transport, and its
/// values are texts.
///
/// Source: [gRFC A28](https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md).
fn is_visible(name: &str) -> bool {
    let is_text = !name.ends_with("-bin") && !name.starts_with(':');
    is_text && (!name.starts_with("grpc-") || !OF_TRANSPORT.contains(&name))
}

fn is_present(name: &str, metadata: &HeaderMap) -> bool {
    is_visible(name) && (name == "content-type" || metadata.contains_key(name))
}

/// Returns the value of a header for a route, or for a hash: all of its values, joined by commas.
///
/// `None` if the header is absent, or a value is no text. Only a header with several values needs memory.
pub(crate) fn text<'a>(name: &str, metadata: &'a HeaderMap) -> Option<Cow<'a, str>> {
    if !is_visible(name) {
        return None;
    }
    let mut values = metadata.get_all(name).iter();
    let Some(first) = values.next() else {
        return (name == "content-type").then_some(Cow::Borrowed(CONTENT_TYPE));
    };
    let first = Cow::Borrowed(as_text(first)?);
    values.try_fold(first, |mut joined, value| {
        let whole = joined.to_mut();
        whole.push(',');
        whole.push_str(as_text(value)?);
        Some(joined)
    })
}

fn as_text(value: &HeaderValue) -> Option<&str> {
    str::from_utf8(value.as_bytes()).ok()
}

impl fmt::Display for HeaderMatcher {
    /// Prints the condition, such as `x-env must start with "test"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.invert { " not" } else { "" };
        write!(f, "{:?}", cut(&self.name))?;
        match &self.condition {
            HeaderCondition::Present(expected) if *expected != self.invert => {
                f.write_str(" must be present")
            }
            HeaderCondition::Present(_) => f.write_str(" must be absent"),
            HeaderCondition::Range { start, end } => {
                write!(f, " must{not} be a number from {start} to below {end}")
            }
            HeaderCondition::Text(matcher) => write!(f, " must{not} {matcher}"),
        }
    }
}
