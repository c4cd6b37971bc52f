//! The schemes whose targets are addresses.

use std::path::PathBuf;
use std::sync::Arc;

use trunkline_endpoint::{Address, Endpoint, Location};
use trunkline_target::{HostPort, Target, TargetView};

use crate::{
    Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
    StaticResolver,
};

/// A scheme whose targets are addresses: one endpoint for each address, and no I/O.
///
/// | scheme | a target | its endpoints |
/// |---|---|---|
/// | `passthrough` | `passthrough:///db:5000` | one; a connection attempt looks up its host |
/// | | `passthrough:///[::1]:5000` | one, an IP address |
/// | | `passthrough:///unix:/run/db` | one, a Unix socket |
/// | `unix` | `unix:run/db`, `unix:///run/db` | one |
/// | `unix-abstract` | `unix-abstract:db` | one |
/// | `ipv4` | `ipv4:192.0.2.1:5000,192.0.2.2` | one for each address, in this order |
/// | `ipv6` | `ipv6:[2001:db8::1]:5000` | the same |
///
/// Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).
/// `passthrough` is grpc-go's, where a target must have a port. A target without one is an error
/// here, because it cannot be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressScheme {
    /// `passthrough`: a host and port, or a Unix socket, passed to the connector as it is.
    Passthrough,
    /// `unix`: a socket in the file system.
    Unix,
    /// `unix-abstract`: a socket in Linux's abstract namespace.
    UnixAbstract,
    /// `ipv4`: a list of IPv4 addresses.
    Ipv4,
    /// `ipv6`: a list of IPv6 addresses.
    Ipv6,
}

impl AddressScheme {
    /// All schemes.
    pub const ALL: [Self; 5] = [
        Self::Passthrough,
        Self::Unix,
        Self::UnixAbstract,
        Self::Ipv4,
        Self::Ipv6,
    ];

    /// Returns the addresses in the target; at least one.
    fn locations(self, target: &Target) -> Result<Vec<Location>, ResolveError> {
        let locations: Vec<Location> = match (self, target.view()) {
            (Self::Passthrough, TargetView::Passthrough { address, host_port }) => {
                vec![passthrough(address, host_port.as_ref())?]
            }
            (Self::Unix, TargetView::Unix { path }) => vec![unix(path)?],
            (Self::UnixAbstract, TargetView::UnixAbstract { name }) => {
                vec![Location::UnixAbstract(name.as_slice().into())]
            }
            (Self::Ipv4, TargetView::Ipv4(addresses))
            | (Self::Ipv6, TargetView::Ipv6(addresses)) => {
                addresses.iter().copied().map(Location::from).collect()
            }
            _ => return Err(wrong_scheme(self.scheme(), target)),
        };
        Ok(locations)
    }
}

impl ResolverFactory for AddressScheme {
    fn scheme(&self) -> &str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Unix => "unix",
            Self::UnixAbstract => "unix-abstract",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        self.locations(target).map(drop)
    }

    fn build(
        &self,
        target: &Target,
        _options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let endpoints: Arc<[Endpoint]> = self
            .locations(target)?
            .into_iter()
            .map(|location| Endpoint::new([Address::new(location)]))
            .collect();
        Ok(Box::new(StaticResolver::new(Resolution::new(endpoints))))
    }

    /// Returns `localhost` for a Unix socket under `passthrough`, as the schemes `unix` and
    /// `unix-abstract` have it: a socket has no host. grpc-go sends the escaped path
    /// (`unix:%2F%2F%2Frun%2Fdb`).
    fn default_authority(&self, target: &Target) -> Option<String> {
        let locations = self.locations(target).ok()?;
        let is_unix =
            |location: &Location| matches!(location, Location::Unix(_) | Location::UnixAbstract(_));
        let is_passed = *self == Self::Passthrough && locations.iter().any(is_unix);
        is_passed.then(|| "localhost".to_owned())
    }
}

/// Returns the error for a target of another kind than the scheme's: it was parsed with another set
/// of schemes.
pub(crate) fn wrong_scheme(scheme: &str, target: &Target) -> ResolveError {
    let text = format!("the resolver of the scheme `{scheme}` cannot use the target `{target}`");
    ResolveError::new(ResolveErrorKind::InvalidName, text)
}

/// Reads the address of a `passthrough` target as grpc-go's dialler does: `host:port`, or a target of
/// the scheme `unix` or `unix-abstract`.
fn passthrough(address: &str, host_port: Option<&HostPort>) -> Result<Location, ResolveError> {
    let inner = ["unix:", "unix-abstract:"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
        .then(|| Target::parse(address));
    match inner {
        Some(Ok(target)) => match target.view() {
            TargetView::Unix { path } => return unix(path),
            TargetView::UnixAbstract { name } => {
                return Ok(Location::UnixAbstract(name.as_slice().into()));
            }
            _ => {}
        },
        Some(Err(error)) => {
            let text = format!("the address `{address}` of a passthrough target: {error}");
            return Err(ResolveError::new(ResolveErrorKind::InvalidName, text));
        }
        None => {}
    }
    if let Some(host_port) = host_port {
        return Ok(named(host_port));
    }
    let text = format!(
        "the address `{address}` of a passthrough target cannot be dialled: expected `host:port` \
         or `unix:path`"
    );
    Err(ResolveError::new(ResolveErrorKind::InvalidName, text))
}

/// Returns an IP address for a literal, else a name, which the connection attempt looks up.
fn named(host_port: &HostPort) -> Location {
    match host_port.socket_addr() {
        Some(address) => address.into(),
        None => Location::Name {
            host: host_port.host.as_str().into(),
            port: host_port.port,
        },
    }
}

#[cfg(unix)]
fn unix(path: &[u8]) -> Result<Location, ResolveError> {
    use std::os::unix::ffi::OsStrExt;

    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(path)).into())
}

#[cfg(not(unix))]
fn unix(path: &[u8]) -> Result<Location, ResolveError> {
    match std::str::from_utf8(path) {
        Ok(path) => Ok(PathBuf::from(path).into()),
        Err(_) => Err(ResolveError::new(
            ResolveErrorKind::InvalidName,
            "on this system the path of a Unix socket must be UTF-8",
        )),
    }
}
