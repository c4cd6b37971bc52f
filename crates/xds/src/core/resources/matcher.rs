//! Matchers of strings.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use super::fault::cut;

/// A regular expression in RE2's syntax, which matches whole strings.
///
/// Patterns are equal if their sources are.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As the control plane gave it.
    source: Arc<str>,
    /// Anchored at both ends.
    regex: Regex,
}

/// The most bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 1 << 20;

/// The most bytes of the states that a thread keeps of a pattern while it matches.
const STATES_LIMIT: usize = 1 << 18;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When it is no regular expression, or compiles to more than 1 MiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        Self::with_size_limit(source, SIZE_LIMIT)
    }

    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When it is no regular expression, or compiles to more bytes than the limit.
    pub(super) fn with_size_limit(source: &str, bytes: usize) -> Result<Self, regex::Error> {
        // A pattern that is valid alone is valid in the group too. The other way round is false:
        // `a)|(?:b` is valid in the group alone.
        compile(source, bytes)?;
        Ok(Self {
            source: source.into(),
            regex: compile(&format!("\\A(?:{source})\\z"), bytes)?,
        })
    }

    /// Returns the pattern as the control plane gave it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns whether the pattern matches all of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn compile(source: &str, bytes: usize) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(source)
        .size_limit(bytes)
        .dfa_size_limit(STATES_LIMIT)
        .build()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

/// A condition on a string. Cases are compared in ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StringMatcher {
    /// Equal to this text.
    Exact {
        /// The text, which may be empty.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Starts with this text.
    Prefix {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Ends with this text.
    Suffix {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Contains this text.
    Contains {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Matches this pattern as a whole.
    Regex(Pattern),
}

impl StringMatcher {
    /// Returns whether `value` meets the condition.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exact { text, ignore_case } => equals(value, text, *ignore_case),
            Self::Prefix { text, ignore_case } => starts_with(value, text, *ignore_case),
            Self::Suffix { text, ignore_case } => ends_with(value, text, *ignore_case),
            Self::Contains { text, ignore_case } => contains(value, text, *ignore_case),
            Self::Regex(pattern) => pattern.matches(value),
        }
    }
}

/// Returns whether two texts are equal.
pub(super) fn equals(value: &str, text: &str, ignore_case: bool) -> bool {
    equal_bytes(value.as_bytes(), text.as_bytes(), ignore_case)
}

/// Returns whether `value` starts with `text`.
pub(super) fn starts_with(value: &str, text: &str, ignore_case: bool) -> bool {
    let start = value.as_bytes().get(..text.len());
    start.is_some_and(|start| equal_bytes(start, text.as_bytes(), ignore_case))
}

/// Returns whether `value` ends with `text`.
pub(super) fn ends_with(value: &str, text: &str, ignore_case: bool) -> bool {
    let start = value.len().checked_sub(text.len());
    let end = start.and_then(|start| value.as_bytes().get(start..));
    end.is_some_and(|end| equal_bytes(end, text.as_bytes(), ignore_case))
}

fn contains(value: &str, text: &str, ignore_case: bool) -> bool {
    if !ignore_case || text.is_empty() {
        return value.contains(text);
    }
    let mut parts = value.as_bytes().windows(text.len());
    parts.any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
}

fn equal_bytes(one: &[u8], other: &[u8], ignore_case: bool) -> bool {
    if ignore_case {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}

/// Returns why a pattern cannot be compiled, on one line.
pub(super) fn explain(source: &str, error: &regex::Error) -> String {
    let source = cut(source);
    if let regex::Error::CompiledTooBig(bytes) = error {
        return format!(
            "the regular expression {source:?} takes more than {} KiB",
            bytes >> 10
        );
    }
    // The text of the crate shows the pattern and a marker below it. The last line is the reason.
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    format!("{source:?} is no regular expression: {}", cut(reason))
}

impl fmt::Display for StringMatcher {
    /// Prints the condition after "must": `start with "a", in any case`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, text, ignore_case) = match self {
            Self::Exact { text, ignore_case } => ("be", &**text, *ignore_case),
            Self::Prefix { text, ignore_case } => ("start with", &**text, *ignore_case),
            Self::Suffix { text, ignore_case } => ("end with", &**text, *ignore_case),
            Self::Contains { text, ignore_case } => ("contain", &**text, *ignore_case),
            Self::Regex(pattern) => ("match", pattern.source(), false),
        };
        write!(f, "{verb} {:?}", cut(text))?;
        if ignore_case {
            f.write_str(", in any case")?;
        }
        Ok(())
    }
}
