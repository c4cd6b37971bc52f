//! Matchers of strings.

use regex::Regex;

/// A regular expression in RE2's syntax, which matches whole strings.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As the control plane gave it.
    source: Box<str>,
    /// Anchored at both ends.
    regex: Regex,
}

impl Pattern {
    /// The most bytes that a compiled pattern may take.
    const SIZE_LIMIT: usize = 1 << 20;

    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When it is no regular expression, or compiles to more than 1 MiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        // A pattern that is valid alone is valid in the group too, and no other one may become so.
        let compile = |source: &str| {
            regex::RegexBuilder::new(source)
                .size_limit(Self::SIZE_LIMIT)
                .build()
        };
        compile(source)?;
        Ok(Self {
            source: source.into(),
            regex: compile(&format!("\\A(?:{source})\\z"))?,
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
