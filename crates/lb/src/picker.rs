//! The choice of a subchannel for one attempt of a call.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::uri::Authority;
use trunkline_endpoint::Attributes;
use trunkline_status::Status;

use crate::attempt::AttemptTracker;
use crate::subchannel::SubchannelId;

/// Chooses a subchannel for each attempt of a call. Policies publish pickers; the data path calls
/// them.
///
/// Many threads call one picker at the same time, so a pick takes no lock, spawns nothing and
/// allocates nothing.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use trunkline_lb::{AttemptTracker, Pick, PickRequest, Picker, SubchannelId};
///
/// /// Sends every tenth call to a backend that is on trial.
/// #[derive(Debug)]
/// struct Canary {
///     stable: SubchannelId,
///     trial: SubchannelId,
///     calls: AtomicUsize,
/// }
///
/// impl Picker for Canary {
///     fn pick(&self, _: &PickRequest<'_>) -> Pick {
///         let is_tenth = self.calls.fetch_add(1, Ordering::Relaxed) % 10 == 9;
///         Pick::Subchannel(if is_tenth { self.trial } else { self.stable })
///     }
///
///     fn tracker(&self) -> Option<&dyn AttemptTracker> {
///         None
///     }
/// }
/// ```
pub trait Picker: fmt::Debug + Send + Sync {
    /// Chooses for one attempt.
    fn pick(&self, request: &PickRequest<'_>) -> Pick;

    /// Returns the tracker that is notified when an attempt ends, or `None` if this picker does not
    /// need to know.
    ///
    /// A picker returns the same answer for its whole life. With `None`, a pick and the end of its
    /// attempt cost nothing beyond the pick: no reference to the picker is kept.
    ///
    /// A picker over other pickers returns a tracker if any of them does, and forwards each end of
    /// an attempt to the picker that made the pick. A subchannel belongs to one child, so its id is
    /// enough to find that picker: [`ChildTrackers`](crate::ChildTrackers) does so.
    fn tracker(&self) -> Option<&dyn AttemptTracker>;
}

/// What a picker knows about the call.
///
/// `Debug` prints the number of its headers, not their values: they can hold tokens.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct PickRequest<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The call's metadata.
    pub metadata: &'a HeaderMap,
    /// The call's attributes: what the application or the configuration of the call gives to
    /// policies beside the metadata (a hash key, the cluster that a route chose).
    pub attributes: &'a Attributes,
    /// Where a picker leaves the authority of the attempt; `None` if it cannot choose one.
    authority: Option<&'a Cell<Option<Authority>>>,
    /// Where a picker leaves the service that it chose; `None` if nothing wants it.
    backend_service: Option<&'a Cell<Option<Arc<str>>>>,
}

impl<'a> PickRequest<'a> {
    /// Creates a request for the method at `path`, without attributes.
    #[must_use]
    pub fn new(path: &'a str, metadata: &'a HeaderMap) -> Self {
        const NONE: &Attributes = &Attributes::new();
        Self {
            path,
            metadata,
            attributes: NONE,
            authority: None,
            backend_service: None,
        }
    }

    /// Sets the call's attributes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: &'a Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Sets where a picker leaves the authority of the attempt. Default: nowhere, because the
    /// application has chosen the authority of the call.
    #[must_use]
    pub fn with_authority_slot(mut self, slot: &'a Cell<Option<Authority>>) -> Self {
        self.authority = Some(slot);
        self
    }

    /// Sets where a picker leaves the service to which the call goes. Default: nowhere, because nothing wants
    /// to know.
    #[must_use]
    pub fn with_backend_service_slot(mut self, slot: &'a Cell<Option<Arc<str>>>) -> Self {
        self.backend_service = Some(slot);
        self
    }

    /// Names the service to which the call goes, with a pick that chooses no subchannel: the call waits, fails
    /// or is dropped. It is a label of metrics then (`grpc.lb.backend_service`). Where a subchannel is chosen,
    /// the label is that of its address ([`BackendService`](trunkline_endpoint::BackendService)).
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::sync::Arc;
    /// use http::HeaderMap;
    /// use trunkline_lb::PickRequest;
    ///
    /// let (metadata, slot) = (HeaderMap::new(), Cell::new(None));
    /// let request = PickRequest::new("/shop.Orders/Get", &metadata).with_backend_service_slot(&slot);
    /// // In a picker:
    /// request.set_backend_service(&Arc::from("orders-v2"));
    /// assert_eq!(slot.take().as_deref(), Some("orders-v2"));
    /// ```
    ///
    /// Source: [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md):
    /// each pick provides the label, "regardless of the pick's result".
    pub fn set_backend_service(&self, service: &Arc<str>) {
        if let Some(slot) = self.backend_service {
            slot.set(Some(Arc::clone(service)));
        }
    }

    /// Sets the `:authority` with which the attempt is sent, in place of the channel's, if the picker
    /// chooses a subchannel. Has no effect where the application has chosen the authority of the call.
    ///
    /// Over TLS, the attempt fails where the server's certificate is not for this authority.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use http::HeaderMap;
    /// use http::uri::Authority;
    /// use trunkline_lb::PickRequest;
    ///
    /// let (metadata, slot) = (HeaderMap::new(), Cell::new(None));
    /// let request = PickRequest::new("/shop.Orders/Get", &metadata).with_authority_slot(&slot);
    /// // In a picker:
    /// request.set_authority(&Authority::from_static("orders.prod"));
    /// assert_eq!(slot.take().expect("the picker's").as_str(), "orders.prod");
    /// ```
    ///
    /// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
    pub fn set_authority(&self, authority: &Authority) {
        if let Some(slot) = self.authority {
            slot.set(Some(authority.clone()));
        }
    }
}

impl fmt::Debug for PickRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PickRequest")
            .field("path", &self.path)
            .field("headers", &self.metadata.len())
            .field("attributes", &self.attributes)
            .finish()
    }
}

/// The choice of a picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Use this subchannel. If it has no connection any more, the call waits for the next picker.
    Subchannel(SubchannelId),
    /// Use this subchannel, as [`Subchannel`](Self::Subchannel) does, and make the policy leave
    /// idleness beside the call ([`Policy::exit_idle`](crate::Policy::exit_idle)).
    ///
    /// ring_hash returns it: the backend that the call belongs to is idle, so another one gets this
    /// call, and that backend is connected for the next ones (gRFC A76).
    SubchannelAndExitIdle(SubchannelId),
    /// Wait for the next picker.
    Queue,
    /// Wait for the next picker, and make the policy leave idleness
    /// ([`Policy::exit_idle`](crate::Policy::exit_idle)).
    ExitIdle,
    /// Fail. A wait-for-ready call waits for the next picker instead.
    Fail(Status),
    /// Fail, also if the call is wait-for-ready, and do not retry it.
    Drop(Status),
}

/// Makes the same choice for every call.
impl Picker for Pick {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        self.clone()
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
