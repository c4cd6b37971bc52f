//! What decoding a resource depends on, and what it finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_lb::PolicyRegistry;

use crate::core::bootstrap::CertificateProvider;
use crate::core::resources::fault::{Faults, Place};
use crate::core::resources::patterns::Patterns;
use crate::core::resources::resource::Resource;
use crate::core::server::ServerConfig;

/// What the meaning of a resource depends on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DecodeContext<'a> {
    /// The server that sent the resource.
    pub server: &'a Arc<ServerConfig>,
    /// The load-balancing policies that a cluster can name.
    pub policies: &'a PolicyRegistry,
    /// The certificate providers that a cluster can name.
    pub certificate_providers: &'a BTreeMap<Arc<str>, CertificateProvider>,
    /// What the resource was before. The new one shares what has not changed. Default: `None`.
    pub earlier: Option<&'a Resource>,
}

impl<'a> DecodeContext<'a> {
    /// Returns the context of a resource that `server` sent, of which no earlier version is known.
    #[must_use]
    pub fn new(
        server: &'a Arc<ServerConfig>,
        policies: &'a PolicyRegistry,
        certificate_providers: &'a BTreeMap<Arc<str>, CertificateProvider>,
    ) -> Self {
        Self {
            server,
            policies,
            certificate_providers,
            earlier: None,
        }
    }

    /// Sets what the resource was before.
    #[must_use]
    pub fn with_earlier(mut self, earlier: Option<&'a Resource>) -> Self {
        self.earlier = earlier;
        self
    }
}

/// The validation of one resource.
#[derive(Debug)]
pub(super) struct Validation<'a> {
    pub(super) context: &'a DecodeContext<'a>,
    pub(super) faults: Faults,
    pub(super) patterns: Patterns,
    /// How many further routes and virtual hosts the resource may have.
    routes_left: usize,
}

/// The most routes and virtual hosts of a resource, together.
///
/// In memory a route takes many times the bytes that it takes in a message, and a call looks at one
/// after the other.
const MOST_ROUTES: usize = 100_000;

impl<'a> Validation<'a> {
    pub(super) fn new(context: &'a DecodeContext<'a>) -> Self {
        Self {
            context,
            faults: Faults::new(),
            patterns: Patterns::default(),
            routes_left: MOST_ROUTES,
        }
    }

    /// Counts a route or a virtual host at `place`. Returns false if there are too many: then the rest
    /// of the resource is not read.
    pub(super) fn count_route(&mut self, place: &Place<'_>) -> bool {
        let Some(left) = self.routes_left.checked_sub(1) else {
            self.add(
                place,
                format!("the resource has more than {MOST_ROUTES} routes and virtual hosts"),
            );
            return false;
        };
        self.routes_left = left;
        true
    }

    /// Adds the fault `text` of the field at `place`.
    pub(super) fn add(&mut self, place: &Place<'_>, text: impl Into<String>) {
        self.faults.add(place, text);
    }

    /// Returns the value, or adds the fault `text` of the field at `place`.
    pub(super) fn check<T>(
        &mut self,
        place: &Place<'_>,
        result: Result<T, impl Into<String>>,
    ) -> Option<T> {
        result.map_err(|text| self.add(place, text)).ok()
    }
}
