//! From a text to a target, and to what is odd in one.

use alloc::vec::Vec;

use crate::explain::explain;
use crate::facts::read;
use crate::schemes::Schemes;
use crate::{ParseError, TargetRef, Warning, suggest};

impl<'a> TargetRef<'a> {
    /// Parses with [`Schemes::STANDARD`].
    ///
    /// # Errors
    /// As for [`parse_with`](Self::parse_with).
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // Said again, so that the compiler knows the schemes here: it is a third faster.
        match read(text.as_bytes(), Schemes::STANDARD) {
            Ok(split) => Ok(Self::from_split(text, split)),
            Err(fault) => Err(explain(text, Schemes::STANDARD, fault)),
        }
    }

    /// Parses a text: a URI of a known scheme, or else `<default scheme>:///<text>`.
    ///
    /// # Errors
    /// For a text that is no target, and one that no resolver could ever use. An error says what is
    /// wrong, where, what was expected, and often what is meant.
    ///
    /// Source: gRPC's naming document; RFC 3986. A known scheme with a malformed rest is an error
    /// and never a host name.
    pub fn parse_with(text: &'a str, schemes: Schemes<'a>) -> Result<Self, ParseError> {
        match read(text.as_bytes(), schemes) {
            Ok(split) => Ok(Self::from_split(text, split)),
            Err(fault) => Err(explain(text, schemes, fault)),
        }
    }

    /// Parses in a `const`: `None` where [`parse_with`](Self::parse_with) is an error.
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

    /// What is probably a slip in it.
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
