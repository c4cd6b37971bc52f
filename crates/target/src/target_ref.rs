//! A target that borrows its text.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::encode::{decode, decode_text, encode_authority};
use crate::explain::explain;
use crate::facts::{Facts, facts, read};
use crate::schemes::Schemes;
use crate::split::Split;
use crate::{ParseError, Target, TargetView, Warning, ip, normalize, view, warn};

/// A checked target that borrows its text: parsing allocates nothing.
///
/// Getters that give a [`Cow`] allocate only where there are escapes to be taken out.
/// Equality, order and hash are those of the scheme and the text.
#[derive(Clone, Copy)]
pub struct TargetRef<'a> {
    text: &'a str,
    split: Split<'a>,
}

impl<'a> TargetRef<'a> {
    /// Parses with [`Schemes::STANDARD`].
    ///
    /// # Errors
    /// As for [`parse_with`](Self::parse_with).
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // Said again, so that the compiler knows the schemes here: it is a third faster.
        match read(text.as_bytes(), Schemes::STANDARD) {
            Ok(split) => Ok(Self { text, split }),
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
            Ok(split) => Ok(Self { text, split }),
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
            Ok(split) => Some(Self { text, split }),
            Err(_) => None,
        }
    }

    /// The text as it was given.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The scheme in lower case, written or default.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.split.scheme
    }

    /// Whether the text names no known scheme, so that it is read as `<default scheme>:///<text>`.
    #[must_use]
    pub const fn used_default_scheme(&self) -> bool {
        self.split.fell_back
    }

    /// `host` or `host:port` of the authority, without escapes and without userinfo; `None` where
    /// there is no `//`.
    #[must_use]
    pub fn authority(&self) -> Option<Cow<'a, str>> {
        if self.used_default_scheme() {
            return Some(Cow::Borrowed(""));
        }
        let raw = self.split.authority()?.text(self.text);
        let host_port = raw.rsplit_once('@').map_or(raw, |(_, rest)| rest);
        Some(decode_text(host_port))
    }

    /// What stands before an `@` in the authority, without escapes.
    #[must_use]
    pub fn userinfo(&self) -> Option<Cow<'a, str>> {
        let userinfo = self.facts().authority?.userinfo()?;
        Some(decode_text(userinfo.text(self.text)))
    }

    /// The path without escapes, with its leading slash where it has one.
    ///
    /// A text without a known scheme has the path `/<text>`. Octets that are no UTF-8, which only
    /// Unix sockets' paths can have, become U+FFFD.
    #[must_use]
    pub fn path(&self) -> Cow<'a, str> {
        let path = decode_text(self.split.path().text(self.text));
        if self.used_default_scheme() {
            return Cow::Owned(format!("/{path}"));
        }
        path
    }

    /// The path where it does not begin with a slash and no authority is before it: the `host:80` of
    /// `dns:host:80`.
    #[must_use]
    pub fn opaque(&self) -> Option<Cow<'a, str>> {
        let path = self.split.path().text(self.text);
        let rootless = !self.used_default_scheme()
            && self.split.authority().is_none()
            && !path.is_empty()
            && !path.starts_with('/');
        rootless.then(|| decode_text(path))
    }

    /// The query as written, without `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        Some(self.split.query()?.text(self.text))
    }

    /// The fragment without escapes and without `#`.
    #[must_use]
    pub fn fragment(&self) -> Option<Cow<'a, str>> {
        Some(decode_text(self.split.fragment()?.text(self.text)))
    }

    /// What is to be resolved: the path without escapes and without one leading slash.
    ///
    /// As for [`path`](Self::path), octets that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn endpoint(&self) -> Cow<'a, str> {
        decode_text(self.raw_endpoint())
    }

    /// The [`endpoint`](Self::endpoint), exact to the octet.
    #[must_use]
    pub fn endpoint_bytes(&self) -> Cow<'a, [u8]> {
        decode(self.raw_endpoint())
    }

    fn raw_endpoint(&self) -> &'a str {
        self.split.endpoint(self.text.as_bytes()).text(self.text)
    }

    /// `scheme://authority/endpoint`, the form for logs and metrics (gRFC A66's `grpc.target`).
    ///
    /// Escapes are taken out, userinfo, query and fragment are left out; so it is for people, and
    /// may not parse. [`normalized`](Self::normalized) does.
    #[must_use]
    pub fn canonical(&self) -> String {
        let authority = self.authority().unwrap_or_default();
        format!("{}://{authority}/{}", self.scheme(), self.endpoint())
    }

    /// The `:authority` of calls, unless something better is known.
    ///
    /// The endpoint, percent-encoded by [`encode_authority`], with an IPv6 address in brackets;
    /// `localhost` for Unix sockets, vsock, address lists, and before a port alone.
    #[must_use]
    pub fn default_authority(&self) -> Cow<'a, str> {
        if self.split.kind.has_no_authority() {
            return Cow::Borrowed("localhost");
        }
        let endpoint = self.endpoint();
        if endpoint.contains(':') && ip::v6_zone(endpoint.as_bytes()).is_some() {
            return Cow::Owned(format!("[{}]", encode_authority(&endpoint)));
        }
        if endpoint.starts_with(':') {
            return Cow::Owned(format!("localhost{}", encode_authority(&endpoint)));
        }
        match endpoint {
            Cow::Borrowed(endpoint) => encode_authority(endpoint),
            Cow::Owned(endpoint) => Cow::Owned(encode_authority(&endpoint).into_owned()),
        }
    }

    /// What it means, by its scheme.
    #[must_use]
    pub fn view(&self) -> TargetView {
        view::view(self.text, &self.split)
    }

    /// What is probably a slip in it.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        warn::warnings(self)
    }

    /// The same target by value.
    #[must_use]
    pub fn to_target(&self) -> Target {
        Target::from_ref(self)
    }

    /// A URI of the same meaning, built from the parts: it parses, to the same parts.
    ///
    /// The scheme is written out and in lower case, escapes are there where they must be.
    #[must_use]
    pub fn normalized(&self) -> String {
        normalize::normalized(self)
    }

    pub(crate) const fn from_split(text: &'a str, split: Split<'a>) -> Self {
        Self { text, split }
    }

    pub(crate) const fn split(&self) -> &Split<'a> {
        &self.split
    }

    pub(crate) fn facts(&self) -> Facts {
        facts(self.text, &self.split)
    }
}

impl fmt::Display for TargetRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl fmt::Debug for TargetRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetRef")
            .field("text", &self.text)
            .field("scheme", &self.scheme())
            .field("view", &self.view())
            .finish()
    }
}

impl<'a> TryFrom<&'a str> for TargetRef<'a> {
    type Error = ParseError;

    fn try_from(text: &'a str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl PartialEq for TargetRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.scheme(), self.text) == (other.scheme(), other.text)
    }
}

impl Eq for TargetRef<'_> {}

impl PartialOrd for TargetRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TargetRef<'_> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.scheme(), self.text).cmp(&(other.scheme(), other.text))
    }
}

impl Hash for TargetRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.scheme(), self.text).hash(state);
    }
}
