//! Parsing a target, with explanations of what is wrong or odd in it.

use alloc::vec::Vec;

use crate::explain::explain;
use crate::facts::read;
use crate::schemes::Schemes;
use crate::{ParseError, TargetRef, Warning, suggest};

impl<'a> TargetRef<'a> {
    /// Parses with [`Schemes::STANDARD`].
    ///
    /// # Errors
    ///
    /// Those of [`parse_with`](Self::parse_with).
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // Repeats `parse_with`, so that the compiler knows the schemes here: that is a third
        // faster.
        match read(text.as_bytes(), Schemes::STANDARD) {
            Ok(split) => Ok(Self::from_split(text, split)),
            Err(fault) => Err(explain(text, Schemes::STANDARD, fault)),
        }
    }

    /// Parses a URI of a known scheme. Any other text is parsed as `<default scheme>:///<text>`.
    ///
    /// # Errors
    ///
    /// When the text is not a target, or is a target that no resolver can use. The error contains
    /// what is wrong, where, what was expected, and often a suggestion.
    ///
    /// Source: gRPC's naming document; RFC 3986. Deviation: a known scheme with a malformed rest is
    /// an error, and never read as a host name.
    pub fn parse_with(text: &'a str, schemes: Schemes<'a>) -> Result<Self, ParseError> {
        match read(text.as_bytes(), schemes) {
            Ok(split) => Ok(Self::from_split(text, split)),
            Err(fault) => Err(explain(text, schemes, fault)),
        }
    }

    /// Parses in a `const`. Returns `None` where [`parse_with`](Self::parse_with) returns an error.
    ///
    /// ```
    /// use trunkline_target::{Schemes, TargetRef};
    ///
    /// const ORDERS: TargetRef<'_> = match TargetRef::parse_const("dns:///orders", Schemes::STANDARD) {
    ///     Some(target) => target,
    ///     None => panic!("not a target"),
    /// };
    /// assert_eq!(ORDERS.endpoint(), "orders");
    /// ```
    #[must_use]
    pub const fn parse_const(text: &'a str, schemes: Schemes<'a>) -> Option<Self> {
        match read(text.as_bytes(), schemes) {
            Ok(split) => Some(Self::from_split(text, split)),
            Err(_) => None,
        }
    }

    /// Returns what is valid in this target, but probably a mistake.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        suggest::warnings(self)
    }
}

impl<'a> TryFrom<&'a str> for TargetRef<'a> {
    type Error = ParseError;

    fn try_from(text: &'a str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}
