//! From a target to the name of its listener.

use std::error::Error;
use std::fmt;

use trunkline_target::{Target, encode_authority};

use super::value::Bootstrap;
use crate::core::names::{NameError, ResourceName, encode_for_xdstp, fill};
use crate::core::resource_type::ResourceType;
use crate::core::resources::cut;

/// Error: a target has no listener in this bootstrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetError {
    kind: TargetErrorKind,
}

/// Why a target has no listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetErrorKind {
    /// The path is empty.
    NoPath,
    /// The bootstrap does not have the authority of the target.
    UnknownAuthority {
        /// The authority of the target.
        authority: String,
        /// Those of the bootstrap.
        known: Vec<String>,
    },
    /// The template makes no name of a listener of it.
    BadName(NameError),
}

impl TargetError {
    /// Returns why the target has no listener.
    #[must_use]
    pub fn kind(&self) -> &TargetErrorKind {
        &self.kind
    }
}

impl From<TargetErrorKind> for TargetError {
    fn from(kind: TargetErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TargetErrorKind::NoPath => f.write_str("the target has no path: expected xds:///name"),
            TargetErrorKind::UnknownAuthority { authority, known } => {
                let authority = cut(authority);
                write!(
                    f,
                    "authority {authority:?} of the target is not in authorities"
                )?;
                if known.is_empty() {
                    return f.write_str(", which is empty");
                }
                let known: Vec<_> = known.iter().map(|name| format!("{name:?}")).collect();
                write!(f, " ({})", known.join(", "))
            }
            TargetErrorKind::BadName(error) => write!(f, "{error}"),
        }
    }
}

impl Error for TargetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            TargetErrorKind::BadName(error) => Some(error),
            _ => None,
        }
    }
}

impl Bootstrap {
    /// Returns the name of the listener of a target such as `xds:///orders` or
    /// `xds://authority/orders`.
    ///
    /// # Errors
    ///
    /// When the target has no path, when the bootstrap does not have its authority, and when the
    /// template makes a malformed name.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_target::Target;
    /// use trunkline_xds::core::{Authority, Bootstrap, ServerConfig};
    ///
    /// let bootstrap = Bootstrap::new(ServerConfig::insecure("dns:///plane.example:18000"))
    ///     .with_authority("mesh", Authority::new());
    /// let name = bootstrap.listener_name(&Target::parse("xds://mesh/orders")?)?;
    /// assert_eq!(name.as_str(), "xdstp://mesh/envoy.config.listener.v3.Listener/orders");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Source: [gRFC A47](https://github.com/grpc/proposal/blob/master/A47-xds-federation.md).
    pub fn listener_name(&self, target: &Target) -> Result<ResourceName, TargetError> {
        let path = target.endpoint();
        if path.is_empty() {
            return Err(TargetErrorKind::NoPath.into());
        }
        let authority = target.authority().unwrap_or_default();
        let name = if authority.is_empty() {
            fill(&self.listener_name_template, &path)
        } else {
            let Some(found) = self.authorities.get(&*authority) else {
                return Err(TargetErrorKind::UnknownAuthority {
                    authority: authority.into_owned(),
                    known: self
                        .authorities
                        .keys()
                        .map(|name| (**name).into())
                        .collect(),
                }
                .into());
            };
            match &found.listener_name_template {
                Some(template) => fill(template, &path),
                None => {
                    let authority = encode_for_xdstp(&authority);
                    let kind = ResourceType::Listener.message_name();
                    fill(&format!("xdstp://{authority}/{kind}/%s"), &path)
                }
            }
        };
        ResourceName::parse(ResourceType::Listener, &name)
            .map_err(|error| TargetErrorKind::BadName(error).into())
    }
}

/// Returns the authority of a target's calls, which also chooses the virtual host: the path of the
/// target, percent-encoded, whatever the name of the listener is.
///
/// # Examples
///
/// ```
/// use trunkline_target::Target;
/// use trunkline_xds::core::data_plane_authority;
///
/// let target = Target::parse("xds://mesh/shop/orders")?;
/// assert_eq!(data_plane_authority(&target), "shop%2Forders");
/// # Ok::<(), trunkline_target::ParseError>(())
/// ```
#[must_use]
pub fn data_plane_authority(target: &Target) -> String {
    encode_authority(&target.endpoint()).into_owned()
}
