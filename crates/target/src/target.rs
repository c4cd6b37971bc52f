//! A target that owns its text.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use crate::schemes::Schemes;
use crate::split::Split;
use crate::{ParseError, TargetRef, TargetView, Warning};

/// A checked gRPC target, which owns its text.
///
/// ```
/// use trunkline_target::{Target, TargetView};
///
/// let target: Target = "dns://10.0.0.53/orders.example:5000".parse()?;
/// assert_eq!(target.scheme(), "dns");
/// assert_eq!(target.endpoint(), "orders.example:5000");
/// let TargetView::Dns { host, port, server } = target.view() else {
///     panic!("the scheme is dns");
/// };
/// assert_eq!((host.as_str(), *port), ("orders.example", 5000));
/// assert_eq!(server.as_ref().map(ToString::to_string).as_deref(), Some("10.0.0.53:53"));
/// # Ok::<(), trunkline_target::ParseError>(())
/// ```
///
/// Equality, order and hash are those of the scheme and the text.
#[derive(Clone)]
pub struct Target {
    text: String,
    scheme: String,
    /// The scheme in it is empty, because it cannot borrow from the field `scheme`.
    split: Split<'static>,
    view: TargetView,
}

impl Target {
    /// Parses with [`Schemes::STANDARD`].
    ///
    /// # Errors
    /// As for [`TargetRef::parse_with`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, Schemes::STANDARD)
    }

    /// Parses a URI of a known scheme. Any other text is parsed as `<default scheme>:///<text>`.
    ///
    /// # Errors
    /// As for [`TargetRef::parse_with`].
    pub fn parse_with(text: &str, schemes: Schemes<'_>) -> Result<Self, ParseError> {
        Ok(TargetRef::parse_with(text, schemes)?.to_target())
    }

    pub(crate) fn from_ref(target: &TargetRef<'_>) -> Self {
        Self {
            text: target.as_str().to_owned(),
            scheme: target.scheme().to_owned(),
            split: target.split().with_scheme(""),
            view: target.view(),
        }
    }

    /// Returns the same target by reference, with the same getters.
    #[must_use]
    pub fn as_ref(&self) -> TargetRef<'_> {
        TargetRef::from_split(&self.text, self.split.with_scheme(&self.scheme))
    }

    /// Returns the text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// See [`TargetRef::scheme`].
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// See [`TargetRef::used_default_scheme`].
    #[must_use]
    pub fn used_default_scheme(&self) -> bool {
        self.split.fell_back
    }

    /// See [`TargetRef::authority`].
    #[must_use]
    pub fn authority(&self) -> Option<Cow<'_, str>> {
        self.as_ref().authority()
    }

    /// See [`TargetRef::userinfo`].
    #[must_use]
    pub fn userinfo(&self) -> Option<Cow<'_, str>> {
        self.as_ref().userinfo()
    }

    /// See [`TargetRef::path`].
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        self.as_ref().path()
    }

    /// See [`TargetRef::opaque`].
    #[must_use]
    pub fn opaque(&self) -> Option<Cow<'_, str>> {
        self.as_ref().opaque()
    }

    /// See [`TargetRef::query`].
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.as_ref().query()
    }

    /// See [`TargetRef::fragment`].
    #[must_use]
    pub fn fragment(&self) -> Option<Cow<'_, str>> {
        self.as_ref().fragment()
    }

    /// See [`TargetRef::endpoint`].
    #[must_use]
    pub fn endpoint(&self) -> Cow<'_, str> {
        self.as_ref().endpoint()
    }

    /// See [`TargetRef::endpoint_bytes`].
    #[must_use]
    pub fn endpoint_bytes(&self) -> Cow<'_, [u8]> {
        self.as_ref().endpoint_bytes()
    }

    /// See [`TargetRef::canonical`].
    #[must_use]
    pub fn canonical(&self) -> String {
        self.as_ref().canonical()
    }

    /// See [`TargetRef::normalized`].
    #[must_use]
    pub fn normalized(&self) -> String {
        self.as_ref().normalized()
    }

    /// See [`TargetRef::default_authority`].
    #[must_use]
    pub fn default_authority(&self) -> Cow<'_, str> {
        self.as_ref().default_authority()
    }

    /// Returns what the target means by the rules of its scheme.
    #[must_use]
    pub fn view(&self) -> &TargetView {
        &self.view
    }

    /// See [`TargetRef::warnings`].
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.as_ref().warnings()
    }
}

impl TargetRef<'_> {
    /// Returns the same target with its own copy of the text.
    #[must_use]
    pub fn to_target(&self) -> Target {
        Target::from_ref(self)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("text", &self.text)
            .field("scheme", &self.scheme)
            .field("view", &self.view)
            .finish()
    }
}

impl FromStr for Target {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Target {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Target {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::parse(&text)
    }
}

impl From<TargetRef<'_>> for Target {
    fn from(target: TargetRef<'_>) -> Self {
        target.to_target()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.text
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Target {}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}
