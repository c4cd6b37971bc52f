//! The labels of metrics: where calls go, and what they are for.

use std::sync::Arc;

use crate::{AttributeKey, Attributes};

/// The attribute key of the locality of a backend: a region, a zone in it and a part of that zone, in
/// the form `{region="R", zone="Z", sub_zone="S"}`.
///
/// It is the optional label `grpc.lb.locality` of metrics. A resolver sets it on an endpoint, on an
/// address, or on all of its result. A new locality never causes a new connection: the label of a
/// connection is that of the time when its subchannel was created.
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md),
/// "Optional xDS Locality Label".
#[derive(Debug)]
pub enum Locality {}

impl AttributeKey for Locality {
    type Value = Arc<str>;
    const NAME: &'static str = "locality";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// The attribute key of the service to which calls go, where the channel's target can stand for several
/// sets of servers. With xDS it is the name of the cluster.
///
/// It is the optional label `grpc.lb.backend_service` of metrics. A resolver sets it on an endpoint, on
/// an address, or on all of its result. A new name never causes a new connection: the label of a
/// connection is that of the time when its subchannel was created.
///
/// Source: [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).
#[derive(Debug)]
pub enum BackendService {}

impl AttributeKey for BackendService {
    type Value = Arc<str>;
    const NAME: &'static str = "backend service";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// The attribute key of a text that the application gives to a call, for its metrics.
///
/// It is the optional label `grpc.client.call.custom` of metrics. It belongs into the attributes of a call,
/// which pickers get too. There should be few different texts.
///
/// Source: [gRFC A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).
#[derive(Debug)]
pub enum CustomLabel {}

impl AttributeKey for CustomLabel {
    type Value = Arc<str>;
    const NAME: &'static str = "custom label";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// The labels of metrics for where calls go. gRPC's metrics have the empty text where one is not
/// known.
///
/// ```
/// use trunkline_endpoint::{Attributes, BackendLabels, BackendService, Locality};
///
/// let of_endpoint = Attributes::new().with::<Locality>(r#"{region="r", zone="z", sub_zone=""}"#.into());
/// let of_all = Attributes::new()
///     .with::<Locality>("elsewhere".into())
///     .with::<BackendService>("orders".into());
/// let labels = BackendLabels::of(&of_endpoint).or(BackendLabels::of(&of_all));
/// assert_eq!(labels.locality.as_deref(), Some(r#"{region="r", zone="z", sub_zone=""}"#));
/// assert_eq!(labels.backend_service.as_deref(), Some("orders"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BackendLabels {
    /// The [`Locality`].
    pub locality: Option<Arc<str>>,
    /// The [`BackendService`].
    pub backend_service: Option<Arc<str>>,
}

impl BackendLabels {
    /// Returns the labels that are among these attributes.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Self {
        Self {
            locality: attributes.get::<Locality>().cloned(),
            backend_service: attributes.get::<BackendService>().cloned(),
        }
    }

    /// Takes those of `other` for the labels that are not known.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            locality: self.locality.or(other.locality),
            backend_service: self.backend_service.or(other.backend_service),
        }
    }

    /// Returns whether no label is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locality.is_none() && self.backend_service.is_none()
    }

    /// Returns `attributes` with the known labels, in place of earlier ones.
    #[must_use]
    pub fn add_to(&self, attributes: &Attributes) -> Attributes {
        let mut attributes = attributes.clone();
        if let Some(locality) = &self.locality {
            attributes = attributes.with::<Locality>(Arc::clone(locality));
        }
        if let Some(service) = &self.backend_service {
            attributes = attributes.with::<BackendService>(Arc::clone(service));
        }
        attributes
    }
}
