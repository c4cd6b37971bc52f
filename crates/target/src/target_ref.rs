//! A target that borrows its text.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::encode::{decode, decode_text, encode_authority};
use crate::facts::{Facts, facts};
use crate::host_port::{Form, host_port};
use crate::schemes::SchemeKind;
use crate::split::Split;
use crate::{TargetView, ip, view};

/// A checked gRPC target that borrows its text. Parsing allocates nothing.
///
/// A getter that returns a [`Cow`] allocates only if it must decode escapes.
/// Equality, order and hash are those of the scheme and the text.
#[derive(Clone, Copy)]
pub struct TargetRef<'a> {
    text: &'a str,
    split: Split<'a>,
}

impl<'a> TargetRef<'a> {
    /// Returns the text as it was given.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Returns the scheme in lower case, written or default.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.split.scheme
    }

    /// Returns whether the text has no known scheme, so that it is read as
    /// `<default scheme>:///<text>`.
    #[must_use]
    pub const fn used_default_scheme(&self) -> bool {
        self.split.fell_back
    }

    /// Returns the `host` or `host:port` of the authority, decoded and without userinfo; `None` if
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

    /// Returns the part of the authority before an `@`, decoded.
    #[must_use]
    pub fn userinfo(&self) -> Option<Cow<'a, str>> {
        let userinfo = self.facts().authority?.userinfo()?;
        Some(decode_text(userinfo.text(self.text)))
    }

    /// Returns the decoded path, with its leading slash if it has one.
    ///
    /// A text without a known scheme has the path `/<text>`. Bytes that are not UTF-8, which only
    /// the paths of Unix sockets can contain, become U+FFFD.
    #[must_use]
    pub fn path(&self) -> Cow<'a, str> {
        let path = decode_text(self.split.path().text(self.text));
        if self.used_default_scheme() {
            return Cow::Owned(format!("/{path}"));
        }
        path
    }

    /// Returns the path if it does not begin with a slash and there is no authority, such as the
    /// `host:80` of `dns:host:80`.
    #[must_use]
    pub fn opaque(&self) -> Option<Cow<'a, str>> {
        let path = self.split.path().text(self.text);
        let rootless = !self.used_default_scheme()
            && self.split.authority().is_none()
            && !path.is_empty()
            && !path.starts_with('/');
        rootless.then(|| decode_text(path))
    }

    /// Returns the query as it is written, without the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        Some(self.split.query()?.text(self.text))
    }

    /// Returns the decoded fragment, without the `#`.
    #[must_use]
    pub fn fragment(&self) -> Option<Cow<'a, str>> {
        Some(decode_text(self.split.fragment()?.text(self.text)))
    }

    /// Returns what the resolver resolves: the decoded path without one leading slash.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, as in [`path`](Self::path).
    #[must_use]
    pub fn endpoint(&self) -> Cow<'a, str> {
        decode_text(self.raw_endpoint())
    }

    /// Returns the bytes of the [`endpoint`](Self::endpoint), unchanged also where they are not
    /// UTF-8.
    #[must_use]
    pub fn endpoint_bytes(&self) -> Cow<'a, [u8]> {
        decode(self.raw_endpoint())
    }

    fn raw_endpoint(&self) -> &'a str {
        self.split.endpoint(self.text.as_bytes()).text(self.text)
    }

    /// Returns `scheme://authority/endpoint`, the form for logs and metrics (gRFC A66's
    /// `grpc.target`).
    ///
    /// It is decoded and lacks userinfo, query and fragment. So it is for people, and does not
    /// always parse; [`normalized`](Self::normalized) returns a text that does.
    #[must_use]
    pub fn canonical(&self) -> String {
        let authority = self.authority().unwrap_or_default();
        format!("{}://{authority}/{}", self.scheme(), self.endpoint())
    }

    /// Returns the `:authority` of calls, unless a resolver or the application sets another one.
    ///
    /// It is the endpoint, percent-encoded by [`encode_authority`], with an IPv6 address in
    /// brackets. For Unix sockets, vsock and address lists it is `localhost`, and a port alone
    /// follows `localhost`. Under `dns` and `passthrough` the host lacks the dot at the end of an
    /// absolute name: the dot is for the DNS client, and proxies that route by host know no such
    /// host.
    ///
    /// | target | result |
    /// |---|---|
    /// | `dns:///orders.test.:50051` | `orders.test:50051` |
    /// | `dns:///:50051` | `localhost:50051` |
    /// | `dns:///2001:db8::1` | `[2001:db8::1]` |
    /// | `unix:///run/db`, `ipv4:192.0.2.1:443` | `localhost` |
    /// | `etcd:///orders/eu` | `orders%2Feu` |
    /// | `passthrough:///unix:///run/db` | `unix:%2F%2F%2Frun%2Fdb` |
    ///
    /// This is what grpc-go sends. A result with `%HH`, with more than one colon or with nothing in
    /// it cannot be sent from Rust: the crates `http` and `h2` refuse it, as clients and as servers.
    /// Trunkline's channel sends `localhost` instead.
    #[must_use]
    pub fn default_authority(&self) -> Cow<'a, str> {
        if self.split.kind.has_no_authority() {
            return Cow::Borrowed("localhost");
        }
        let endpoint = match self.split.kind {
            SchemeKind::Dns | SchemeKind::Passthrough => without_final_dot(self.endpoint()),
            _ => self.endpoint(),
        };
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

    /// Returns what the target means by the rules of its scheme.
    #[must_use]
    pub fn view(&self) -> TargetView {
        view::view(self.text, &self.split)
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

/// Removes the dot at the end of a host with or without a port.
fn without_final_dot(endpoint: Cow<'_, str>) -> Cow<'_, str> {
    let Ok(found) = host_port(endpoint.as_bytes()) else {
        return endpoint;
    };
    let host = found.host.text(&endpoint);
    match host.strip_suffix('.') {
        Some(relative) if found.form == Form::Name && !relative.is_empty() => {
            let dot = found.host.end - 1;
            Cow::Owned([&endpoint[..dot], &endpoint[dot + 1..]].concat())
        }
        _ => endpoint,
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
