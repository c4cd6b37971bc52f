//! The name of one resource.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::authority_name::AuthorityName;
use super::encode::{decode, normalize_path, normalize_query};
use super::error::{NameError, NameErrorKind};
use super::template::encode_for_xdstp;
use crate::core::resource_type::ResourceType;

/// The name of a resource in canonical form: equal names are equal texts.
///
/// A name that begins with `xdstp:` is a URI. All others are opaque, and kept as they are.
///
/// ```text
/// xdstp://mesh.example/envoy.config.cluster.v3.Cluster/shop/orders?env=prod&zone=a#directive
///         └────┬─────┘ └──────────────┬──────────────┘ └────┬────┘ └──────┬──────┘ └───┬───┘
///          authority                 type                   id        parameters   left out
/// ```
///
/// The canonical form has its parameters sorted by key, its escapes normalized as in RFC 3986, and no
/// directive, because a directive does not belong to the identity of the resource.
///
/// # Examples
///
/// ```
/// use trunkline_xds::core::{AuthorityName, ResourceName, ResourceType};
///
/// let cluster = ResourceType::Cluster;
/// let name = ResourceName::parse(cluster, "xdstp://a/envoy.config.cluster.v3.Cluster/x?b=2&a=1")?;
/// assert_eq!(name.as_str(), "xdstp://a/envoy.config.cluster.v3.Cluster/x?a=1&b=2");
/// assert_eq!(name.authority(), &AuthorityName::Named("a".into()));
///
/// let name = ResourceName::parse(cluster, "outbound|80||orders")?;
/// assert_eq!(name.authority(), &AuthorityName::Old);
/// # Ok::<(), trunkline_xds::core::NameError>(())
/// ```
///
/// Source: [gRFC A47](https://github.com/grpc/proposal/blob/master/A47-xds-federation.md), xRFC TP1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName {
    authority: AuthorityName,
    text: Arc<str>,
}

impl ResourceName {
    /// Parses the name of a resource of this type.
    ///
    /// Whether the authority is in the bootstrap is not looked at here.
    ///
    /// # Errors
    ///
    /// When the name is empty, and when a name that begins with `xdstp:` has no authority part, no
    /// id, another type, or a `%` that begins no escape.
    pub fn parse(kind: ResourceType, text: &str) -> Result<Self, NameError> {
        let type_name = kind.message_name();
        let wrong = |kind| NameError::new(kind, text);
        let Some(uri) = text.strip_prefix("xdstp:") else {
            if text.is_empty() {
                return Err(wrong(NameErrorKind::Empty));
            }
            return Ok(Self {
                authority: AuthorityName::Old,
                text: text.into(),
            });
        };
        let uri = uri
            .strip_prefix("//")
            .ok_or_else(|| wrong(NameErrorKind::NoAuthority))?;
        let (uri, _directive) = uri.split_once('#').unwrap_or((uri, ""));
        let (before, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        let (found, id) = path.split_once('/').unwrap_or((path, ""));
        let bad_escape = || wrong(NameErrorKind::BadEscape);
        let authority = decode(authority).ok_or_else(bad_escape)?;
        let found = decode(found).ok_or_else(bad_escape)?;
        if found != type_name {
            let found = found.chars().take(LONGEST_TYPE).collect();
            return Err(wrong(NameErrorKind::OtherType {
                found,
                expected: type_name,
            }));
        }
        if id.is_empty() {
            return Err(wrong(NameErrorKind::NoId));
        }
        let id = normalize_path(id).ok_or_else(bad_escape)?;
        let query = sorted(query).ok_or_else(bad_escape)?;
        let mark = if query.is_empty() { "" } else { "?" };
        let shown = encode_for_xdstp(&authority);
        Ok(Self {
            text: format!("xdstp://{shown}/{type_name}/{id}{mark}{query}").into(),
            authority: AuthorityName::Named(authority.into()),
        })
    }

    /// Returns the name in canonical form, as requests have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the authority whose servers have the resource.
    #[must_use]
    pub fn authority(&self) -> &AuthorityName {
        &self.authority
    }

    /// Returns whether the name is an `xdstp:` URI.
    #[must_use]
    pub fn is_xdstp(&self) -> bool {
        self.authority != AuthorityName::Old
    }
}

/// The longest part of a foreign type that an error quotes, in characters.
const LONGEST_TYPE: usize = 100;

/// Returns the parameters of a query, normalized and sorted by key; those with the same key keep
/// their order. `None` for a `%` that begins no escape.
fn sorted(query: &str) -> Option<Cow<'_, str>> {
    let query = normalize_query(query)?;
    let key = |parameter: &str| parameter.split('=').next().unwrap_or("").to_owned();
    let mut parameters: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    parameters.sort_by_key(|parameter| key(parameter));
    Some(Cow::Owned(parameters.join("&")))
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
