//! The known schemes.

use crate::bytes::{equal, equal_lowered};

/// The schemes that have a resolver, and the default scheme for a text that has none of them.
///
/// Always an argument, never a global: two channels in one process may differ.
///
/// ```
/// use trunkline_target::{Schemes, TargetRef};
///
/// let schemes = Schemes::new(&["dns", "etcd"], "etcd");
/// let target = TargetRef::parse_with("orders", schemes)?;
/// assert_eq!(target.scheme(), "etcd");
/// assert!(target.used_default_scheme());
/// # Ok::<(), trunkline_target::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes<'a> {
    known: &'a [&'a str],
    default: &'a str,
}

impl<'a> Schemes<'a> {
    /// The schemes that have a typed view, with `dns` as the default.
    pub const STANDARD: Schemes<'static> = Schemes::new(
        &[
            "dns",
            "srv",
            "unix",
            "unix-abstract",
            "ipv4",
            "ipv6",
            "vsock",
            "passthrough",
            "xds",
        ],
        "dns",
    );

    /// Creates a set of known schemes with a default, which must be one of them.
    ///
    /// Write the names in lower case. The scheme of a text is converted to lower case and then
    /// compared exactly, so a known name with a capital never matches.
    #[must_use]
    pub const fn new(known: &'a [&'a str], default: &'a str) -> Self {
        Self { known, default }
    }

    /// Returns the known schemes.
    #[must_use]
    pub const fn known(self) -> &'a [&'a str] {
        self.known
    }

    /// Returns the scheme for a text that has none of the known ones.
    #[must_use]
    pub const fn default_scheme(self) -> &'a str {
        self.default
    }

    /// Finds the known name of the scheme that is written as `scheme`.
    #[inline(always)]
    pub(crate) const fn lookup(self, scheme: &[u8]) -> Option<&'a str> {
        let mut i = 0;
        while i < self.known.len() {
            if equal_lowered(scheme, self.known[i].as_bytes()) {
                return Some(self.known[i]);
            }
            i += 1;
        }
        None
    }

    #[inline(always)]
    pub(crate) const fn default_is_known(self) -> bool {
        let mut i = 0;
        while i < self.known.len() {
            if equal(self.known[i].as_bytes(), self.default.as_bytes()) {
                return true;
            }
            i += 1;
        }
        false
    }
}

impl Default for Schemes<'_> {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// The schemes that have a typed view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemeKind {
    Dns,
    Srv,
    Unix,
    UnixAbstract,
    Ipv4,
    Ipv6,
    Vsock,
    Passthrough,
    Xds,
    Other,
}

impl SchemeKind {
    #[inline(always)]
    pub(crate) const fn of(scheme: &str) -> Self {
        match scheme.as_bytes() {
            b"dns" => Self::Dns,
            b"srv" => Self::Srv,
            b"unix" => Self::Unix,
            b"unix-abstract" => Self::UnixAbstract,
            b"ipv4" => Self::Ipv4,
            b"ipv6" => Self::Ipv6,
            b"vsock" => Self::Vsock,
            b"passthrough" => Self::Passthrough,
            b"xds" => Self::Xds,
            _ => Self::Other,
        }
    }

    pub(crate) const fn is_unix(self) -> bool {
        matches!(self, Self::Unix | Self::UnixAbstract)
    }

    /// Returns whether targets of this scheme have no authority.
    pub(crate) const fn has_no_authority(self) -> bool {
        self.is_unix() || matches!(self, Self::Ipv4 | Self::Ipv6 | Self::Vsock)
    }
}

/// Returns whether a scheme is never read as a host name, even if it is not a known scheme. It
/// would be useless to look up an address list in DNS.
#[inline]
pub(crate) const fn never_falls_back(scheme: &[u8]) -> bool {
    // Fast path: most texts without a known scheme begin with a host name of another length.
    if !matches!(scheme.len(), 3 | 4 | 5 | 11 | 13) {
        return false;
    }
    let web = Schemes::new(&["http", "https"], "");
    Schemes::STANDARD.lookup(scheme).is_some() || web.lookup(scheme).is_some()
}
