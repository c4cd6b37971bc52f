//! The roots of trust domains.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::id::{SpiffeError, SpiffeErrorKind, SpiffeId, is_trust_domain};
use crate::core::resources::Place;

/// The use of a key that certifies workloads.
const X509_SVID: &str = "x509-svid";

/// The roots of each trust domain: a SPIFFE trust bundle map. `R` is what the roots of one domain are: at
/// first certificates in DER.
///
/// Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md),
/// [X509-SVID section 6.1](https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#61-publishing-spiffe-bundle-elements).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustBundles<R = Vec<Bytes>> {
    /// The roots, by trust domain.
    roots: BTreeMap<Box<str>, R>,
}

impl Default for TrustBundles {
    /// Returns a map without trust domains.
    fn default() -> Self {
        Self {
            roots: BTreeMap::new(),
        }
    }
}

impl TrustBundles {
    /// Parses the contents of a file: `{"trust_domains": {"example.org": {"keys": [{"kty": "EC",
    /// "use": "x509-svid", "x5c": ["MIIB.."]}]}}}`. An empty map is valid. Other fields are ignored.
    ///
    /// The certificates are only decoded from base64: the library of TLS reads them.
    ///
    /// # Errors
    ///
    /// When it is no such JSON. One bad key makes all of the map bad.
    pub fn parse(json: &str) -> Result<Self, TrustBundlesError> {
        let root: Value = serde_json::from_str(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            TrustBundlesError(format!("line {line}, column {column}: no JSON"))
        })?;
        let place = Place::Root.field("trust_domains");
        let domains = root.get("trust_domains").and_then(Value::as_object);
        let domains = domains.ok_or_else(|| bad(&place, "must be an object"))?;
        let roots = domains.iter().map(|(domain, bundle)| {
            let place = place.key(domain);
            if !is_trust_domain(domain) {
                return Err(bad(&place, "is no trust domain"));
            }
            Ok((domain.as_str().into(), keys(bundle, &place)?))
        });
        Ok(Self {
            roots: roots.collect::<Result<_, _>>()?,
        })
    }
}

impl<R> TrustBundles<R> {
    /// Returns a map with what `load` makes of the roots of each trust domain.
    ///
    /// # Errors
    ///
    /// The first error of `load`, which gets the name of the domain and its roots.
    pub fn try_map<T, E>(
        self,
        mut load: impl FnMut(&str, R) -> Result<T, E>,
    ) -> Result<TrustBundles<T>, E> {
        let domains = self.roots.into_iter();
        let loaded = domains.map(|(domain, roots)| {
            let roots = load(&domain, roots)?;
            Ok((domain, roots))
        });
        Ok(TrustBundles {
            roots: loaded.collect::<Result<_, E>>()?,
        })
    }

    /// Returns the roots for the certificate of a server.
    ///
    /// # Errors
    ///
    /// When the trust domain of its identity is not in the map.
    pub fn roots_of(&self, id: &SpiffeId) -> Result<&R, SpiffeError> {
        let domain = id.trust_domain();
        let roots = self.roots.get(domain);
        roots.ok_or_else(|| SpiffeErrorKind::UnknownTrustDomain(domain.into()).into())
    }
}

/// Reads the keys of a bundle.
fn keys(bundle: &Value, place: &Place<'_>) -> Result<Vec<Bytes>, TrustBundlesError> {
    let place = place.field("keys");
    let keys = bundle.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| bad(&place, "must be an array"))?;
    let certificates = keys.iter().enumerate().map(|(at, key)| {
        let place = place.item(at);
        let key = key
            .as_object()
            .ok_or_else(|| bad(&place, "must be an object"))?;
        certificate(key, &place)
    });
    certificates.collect()
}

/// Reads the certificate of a key.
fn certificate(key: &Map<String, Value>, place: &Place<'_>) -> Result<Bytes, TrustBundlesError> {
    let text = |name| key.get(name).and_then(Value::as_str);
    if !matches!(text("kty"), Some("EC" | "RSA")) {
        return Err(bad(&place.field("kty"), "must be \"EC\" or \"RSA\""));
    }
    if text("use") != Some(X509_SVID) {
        return Err(bad(&place.field("use"), "must be \"x509-svid\""));
    }
    let place = place.field("x5c");
    let chain = key.get("x5c").and_then(Value::as_array).map(Vec::as_slice);
    let Some([Value::String(encoded)]) = chain else {
        return Err(bad(&place, "must be an array of one certificate"));
    };
    let decoded = STANDARD.decode(encoded);
    decoded
        .map(Bytes::from)
        .map_err(|_| bad(&place.item(0), "is no base64"))
}

fn bad(place: &Place<'_>, text: &str) -> TrustBundlesError {
    TrustBundlesError(format!("{place}: {text}"))
}

/// A text is no SPIFFE trust bundle map. Prints the place and what is wrong, and nothing of the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustBundlesError(String);

impl fmt::Display for TrustBundlesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TrustBundlesError {}
