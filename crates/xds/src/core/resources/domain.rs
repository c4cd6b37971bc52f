//! Patterns of domains.

use std::fmt;

use super::fault::cut;
use super::matcher::{ends_with, equals, starts_with};

/// A pattern of domains. ASCII case is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `*`: all.
    Any,
    /// `*suffix`, without the star: at least one character, then this text.
    Suffix(Box<str>),
    /// `prefix*`, without the star: this text, then at least one character.
    Prefix(Box<str>),
    /// This one.
    Exact(Box<str>),
}

/// How well a pattern fits an authority: the kind first, then the length. The best one is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Any,
    Prefix(usize),
    Suffix(usize),
    Exact,
}

impl Domain {
    /// Parses `*`, `*suffix`, `prefix*` or a name without a star. `None` for another pattern.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let domain = match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(""), _) => Self::Any,
            (Some(suffix), _) => Self::Suffix(suffix.into()),
            (None, Some(prefix)) => Self::Prefix(prefix.into()),
            (None, None) => Self::Exact(pattern.into()),
        };
        let (Self::Suffix(text) | Self::Prefix(text) | Self::Exact(text)) = &domain else {
            return Some(domain);
        };
        (!text.is_empty() && !text.contains('*')).then_some(domain)
    }

    /// Returns how well the pattern fits; `None` if it does not.
    pub(super) fn rank(&self, authority: &str) -> Option<Rank> {
        match self {
            Self::Any => (!authority.is_empty()).then_some(Rank::Any),
            Self::Exact(name) => equals(authority, name, true).then_some(Rank::Exact),
            Self::Suffix(text) => {
                let fits = authority.len() > text.len() && ends_with(authority, text, true);
                fits.then_some(Rank::Suffix(text.len()))
            }
            Self::Prefix(text) => {
                let fits = authority.len() > text.len() && starts_with(authority, text, true);
                fits.then_some(Rank::Prefix(text.len()))
            }
        }
    }
}

impl fmt::Display for Domain {
    /// Prints the pattern as a route configuration has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Suffix(text) => write!(f, "*{text}"),
            Self::Prefix(text) => write!(f, "{text}*"),
            Self::Exact(text) => f.write_str(text),
        }
    }
}

/// The most domains that a list names.
const LISTED: usize = 5;

/// Returns a list of domains for an error: `it has "a", "b" and 3 more`.
pub(super) fn list<'a>(domains: impl Iterator<Item = &'a Domain>) -> String {
    let mut names = Vec::new();
    let mut more = 0;
    for domain in domains {
        if names.len() < LISTED {
            names.push(format!("{:?}", cut(&domain.to_string())));
        } else {
            more += 1;
        }
    }
    match (names.is_empty(), more) {
        (true, _) => "it has none".to_owned(),
        (false, 0) => format!("it has {}", names.join(", ")),
        (false, more) => format!("it has {} and {more} more", names.join(", ")),
    }
}
