//! Replacing what a pattern matches.

use std::hash::Hasher;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::matcher::explain;

/// Replaces each match of a pattern in a text, as RE2 does.
///
/// Rewrites are equal if their sources are.
#[derive(Clone, Debug)]
pub struct Rewrite {
    pattern: Arc<str>,
    substitution: Arc<str>,
    regex: Regex,
    parts: Box<[Part]>,
}

/// A part of a substitution.
#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    /// The text of a group; 0 is the whole match.
    Group(usize),
}

/// The most bytes of a substitution. It is used for each match in each call.
const LONGEST_SUBSTITUTION: usize = 4096;

/// The most bytes that the compiled pattern of a rewrite may take.
pub(super) const REWRITE_SIZE_LIMIT: usize = 1 << 18;

impl Rewrite {
    /// Compiles a pattern and its substitution, in which `\0` is the whole match, `\1` to `\9` are the
    /// groups, and `\\` is a backslash.
    ///
    /// # Errors
    ///
    /// The reason, for people, when the pattern is no regular expression or too large, and when the
    /// substitution is longer than 4096 bytes, has another escape, or a group that the pattern does not
    /// have.
    pub fn new(pattern: &str, substitution: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(pattern)
            .size_limit(REWRITE_SIZE_LIMIT)
            .build()
            .map_err(|error| explain(pattern, &error))?;
        if substitution.len() > LONGEST_SUBSTITUTION {
            return Err(format!(
                "the substitution has {} bytes, the most are {LONGEST_SUBSTITUTION}",
                substitution.len()
            ));
        }
        Ok(Self {
            parts: parse(substitution, regex.captures_len())?,
            pattern: pattern.into(),
            substitution: substitution.into(),
            regex,
        })
    }

    /// Returns the pattern as the control plane gave it.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns the substitution as the control plane gave it.
    #[must_use]
    pub fn substitution(&self) -> &str {
        &self.substitution
    }

    /// Adds `text`, with each match replaced, to a hash.
    pub(crate) fn hash(&self, text: &str, hasher: &mut impl Hasher) {
        let mut rest = 0;
        for found in self.regex.captures_iter(text) {
            let Some(whole) = found.get(0) else {
                continue;
            };
            hasher.write(&text.as_bytes()[rest..whole.start()]);
            for part in &self.parts {
                match part {
                    Part::Text(text) => hasher.write(text.as_bytes()),
                    Part::Group(group) => {
                        let group = found.get(*group).map_or("", |group| group.as_str());
                        hasher.write(group.as_bytes());
                    }
                }
            }
            rest = whole.end();
        }
        hasher.write(&text.as_bytes()[rest..]);
    }
}

impl PartialEq for Rewrite {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.substitution == other.substitution
    }
}

impl Eq for Rewrite {}

/// Splits a substitution into its parts. A pattern has `groups` groups, the whole match included.
fn parse(substitution: &str, groups: usize) -> Result<Box<[Part]>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = substitution.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('\\') => text.push('\\'),
            Some(digit @ '0'..='9') => {
                let group = digit as usize - '0' as usize;
                if group >= groups {
                    return Err(format!(
                        "the substitution has \\{group}, a group that is not in the pattern"
                    ));
                }
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.push(Part::Group(group));
            }
            _ => {
                return Err(
                    "a backslash in the substitution must precede a digit or a backslash"
                        .to_owned(),
                );
            }
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
    Ok(parts.into())
}
