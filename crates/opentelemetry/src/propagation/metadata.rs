//! Metadata as the carrier of a propagator.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector};

use super::base64;

/// Writes the fields of a propagator into metadata.
///
/// A field whose key ends in `-bin` is binary metadata: its value must be base64, with or without
/// padding. A field replaces the metadata with its key, so an attempt has each of them once.
///
/// Some fields are left out, because gRPC cannot send them or uses them itself: an empty value, a key or
/// a value that is not valid in HTTP, a value of a binary key that is not base64, `content-type`, `te`,
/// and keys that begin with `grpc-` and are not binary.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use opentelemetry::propagation::Injector;
/// use trunkline_opentelemetry::propagation::MetadataInjector;
///
/// let mut metadata = HeaderMap::new();
/// let mut injector = MetadataInjector::new(&mut metadata);
/// injector.set("tracestate", "vendor=1".to_owned());
/// injector.set("grpc-timeout", "1S".to_owned());
/// assert_eq!(metadata.len(), 1);
/// assert_eq!(metadata["tracestate"], "vendor=1");
/// ```
///
/// Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md),
/// `GrpcCommonSetter`, and [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md),
/// `Custom-Metadata`.
#[derive(Debug)]
pub struct MetadataInjector<'a>(&'a mut HeaderMap);

/// Reads the fields of a propagator from metadata.
///
/// Of several values with one key, the last one is read. The value of a key that ends in `-bin` is its
/// base64, as it was received.
///
/// # Examples
///
/// ```
/// use http::HeaderMap;
/// use opentelemetry::propagation::Extractor;
/// use trunkline_opentelemetry::propagation::MetadataExtractor;
///
/// let mut metadata = HeaderMap::new();
/// metadata.insert("tracestate", "vendor=1".parse()?);
/// assert_eq!(MetadataExtractor::new(&metadata).get("tracestate"), Some("vendor=1"));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
///
/// Source: gRFC A72, `GrpcCommonGetter`.
#[derive(Debug)]
pub struct MetadataExtractor<'a>(&'a HeaderMap);

impl<'a> MetadataInjector<'a> {
    /// Returns a carrier that writes into `metadata`.
    #[must_use]
    pub fn new(metadata: &'a mut HeaderMap) -> Self {
        Self(metadata)
    }
}

impl Injector for MetadataInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        let Ok(name) = HeaderName::try_from(key) else {
            return;
        };
        let value = if is_binary(&name) {
            base64::decode(&value).map(base64::encode)
        } else if is_reserved(&name) {
            None
        } else {
            Some(value)
        };
        let value = value.filter(|value| !value.is_empty());
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            self.0.insert(name, value);
        }
    }

    fn reserve(&mut self, additional: usize) {
        // The number is the propagator's. A map that is full refuses the field, not this hint.
        let _ = self.0.try_reserve(additional);
    }
}

impl<'a> MetadataExtractor<'a> {
    /// Returns a carrier that reads `metadata`.
    #[must_use]
    pub fn new(metadata: &'a HeaderMap) -> Self {
        Self(metadata)
    }
}

impl Extractor for MetadataExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.get_all(key).iter().next_back()?;
        value.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values = self.0.get_all(key);
        let values: Vec<_> = values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        (!values.is_empty()).then_some(values)
    }
}

/// Returns whether the values of a key are bytes.
fn is_binary(name: &HeaderName) -> bool {
    name.as_str().ends_with("-bin")
}

/// Returns whether gRPC itself sends a header with this name.
fn is_reserved(name: &HeaderName) -> bool {
    *name == http::header::CONTENT_TYPE
        || *name == http::header::TE
        || name.as_str().starts_with("grpc-")
}
