//! The identity in a certificate.

use std::fmt;

use crate::core::resources::cut;
use crate::core::san::SubjectAltName;

/// What an identity begins with.
const SCHEME: &str = "spiffe://";

/// The most bytes of an identity.
const LONGEST_ID: usize = 2048;

/// The most bytes of a trust domain.
const LONGEST_TRUST_DOMAIN: usize = 255;

/// The identity of a workload, such as `spiffe://example.org/orders`.
///
/// ```
/// use trunkline_xds::core::spiffe::SpiffeId;
///
/// let id: SpiffeId = "spiffe://example.org/shop/orders".parse()?;
/// assert_eq!((id.trust_domain(), id.path()), ("example.org", "/shop/orders"));
/// # Ok::<(), trunkline_xds::core::spiffe::SpiffeError>(())
/// ```
///
/// Source: [SPIFFE-ID section 2](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: Box<str>,
    /// Where the path begins.
    path: usize,
}

impl SpiffeId {
    /// Returns the identity in the certificate of a server: its only URI.
    ///
    /// # Errors
    ///
    /// When it has no URI or several, or that is no identity.
    pub fn of_names(names: &[SubjectAltName]) -> Result<Self, SpiffeError> {
        let mut uris = names.iter().filter_map(|name| match name {
            SubjectAltName::Uri(uri) => Some(uri),
            _ => None,
        });
        match (uris.next(), uris.count()) {
            (Some(uri), 0) => uri.parse(),
            (first, others) => {
                let found = usize::from(first.is_some()) + others;
                Err(SpiffeErrorKind::UriCount(found).into())
            }
        }
    }

    /// Returns the trust domain, such as `example.org`.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..self.path]
    }

    /// Returns the path, such as `/orders`; empty for the trust domain itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[self.path..]
    }
}

impl std::str::FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || SpiffeErrorKind::Malformed(cut(text).into());
        let rest = text.strip_prefix(SCHEME).ok_or_else(malformed)?;
        let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_id = text.len() <= LONGEST_ID && is_trust_domain(domain) && is_path(path);
        if !is_id {
            return Err(malformed().into());
        }
        Ok(Self {
            text: text.into(),
            path: SCHEME.len() + domain.len(),
        })
    }
}

/// Returns whether a text is the name of a trust domain.
///
/// Source: [SPIFFE-ID section 2.1](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#21-trust-domain).
pub(super) fn is_trust_domain(text: &str) -> bool {
    let is_valid = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (1..=LONGEST_TRUST_DOMAIN).contains(&text.len()) && text.bytes().all(is_valid)
}

/// Returns whether a text is empty, or segments that each begin with a slash.
///
/// Source: [SPIFFE-ID section 2.2](https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#22-path).
fn is_path(text: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    // What is before the first slash is empty.
    text.split('/')
        .skip(1)
        .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_valid))
}

/// A certificate has no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiffeError {
    /// What is wrong.
    pub kind: SpiffeErrorKind,
}

/// Why a certificate has no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpiffeErrorKind {
    /// It has this number of URIs, not one.
    UriCount(usize),
    /// Its URI is no identity. The text is the start of the URI.
    Malformed(Box<str>),
    /// Its trust domain, which this is, has no roots here.
    UnknownTrustDomain(Box<str>),
}

impl From<SpiffeErrorKind> for SpiffeError {
    fn from(kind: SpiffeErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for SpiffeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SpiffeErrorKind::UriCount(count) => {
                write!(
                    f,
                    "the certificate of the server has {count} URIs, a SPIFFE one has 1"
                )
            }
            SpiffeErrorKind::Malformed(uri) => write!(f, "{uri:?} is no SPIFFE identity"),
            SpiffeErrorKind::UnknownTrustDomain(domain) => {
                write!(
                    f,
                    "the trust domain {domain:?} is not in the trust bundle map"
                )
            }
        }
    }
}

impl std::error::Error for SpiffeError {}
