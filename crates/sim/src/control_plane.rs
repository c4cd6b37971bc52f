//! A simulated control plane, which serves resources of xDS and receives load reports.
//!
//! ```
//! use std::net::SocketAddr;
//! use trunkline_sim::Sim;
//! use trunkline_sim::control_plane::resources;
//!
//! let sim = Sim::new(42);
//! let plane: SocketAddr = "198.51.100.1:18000".parse().unwrap();
//! let backend: SocketAddr = "198.51.100.7:50051".parse().unwrap();
//! let plane = sim.control_plane(plane);
//! sim.backend(backend);
//! plane.set(resources::listener("orders", "orders-routes"));
//! plane.set(resources::route_configuration("orders-routes", [resources::route("", "orders-v1")]));
//! plane.set(resources::cluster("orders-v1"));
//! plane.set(resources::endpoints("orders-v1", [backend]));
//! ```

mod framing;
mod received;
mod resource;

mod cache;

mod state;

mod body;
mod reader;

mod service;

pub mod resources;

pub use trunkline_xds_proto as proto;

pub use self::received::Received;
pub use self::resource::Resource;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use trunkline_xds_proto::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::google::rpc::Status;

use self::service::PlaneService;
use self::state::{Outgoing, Plane, StreamKind};
use crate::backend::{Backend, CallReply};
use crate::world::SharedWorld;

/// A control plane of the simulation: state-of-the-world discovery of all types on one stream (ADS),
/// and load reports (LRS), over HTTP/2 without TLS.
///
/// It serves the resources that a test sets, as the cache of go-control-plane does: a request is
/// answered if its type has another version or one of its names was not returned yet on the stream,
/// and only with the names that it has. A change is sent to a client that has answered the
/// last response. Requests with an old nonce are ignored. Each type has a version of its own, which
/// starts at 1 and is increased by each change. A type that never had a resource is not answered.
/// Unlike that cache, it sends no version again that the client has rejected.
///
/// A test can also send [responses of its own](Self::send), with or without resources.
///
/// All clones are handles of one control plane, which continues when they are dropped.
#[derive(Clone)]
pub struct ControlPlane {
    backend: Backend,
    plane: Arc<Plane>,
}

impl ControlPlane {
    pub(crate) fn start(world: &Arc<SharedWorld>, address: PeerAddr) -> Self {
        let plane = Arc::new(Plane::new(world.clone(), address.clone()));
        let service = PlaneService(plane.clone());
        Self {
            backend: Backend::serve(world.clone(), address, service),
            plane,
        }
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> &PeerAddr {
        &self.plane.address
    }

    /// Returns the server below: its connections, calls and their headers, and ways to kill and
    /// restart it. The resources outlive a restart.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    // What it serves.

    /// Adds a resource, or replaces the one of its name, in a new version of its type.
    pub fn set<R: Resource>(&self, resource: R) {
        self.set_all([resource]);
    }

    /// Adds or replaces resources in one new version of their type.
    pub fn set_all<R: Resource>(&self, resources: impl IntoIterator<Item = R>) {
        self.change(R::TYPE_URL, |served| {
            for resource in resources {
                served.insert(resource.name().to_owned(), Ok(resource.pack()));
            }
        });
    }

    /// Adds or replaces a resource whose bytes are of any form, in a new version of its type.
    pub fn set_any<R: Resource>(&self, name: &str, resource: Any) {
        self.change(R::TYPE_URL, |served| {
            served.insert(name.to_owned(), Ok(resource));
        });
    }

    /// Replaces a resource by an error (xRFC TP3) with this gRPC status, in a new version of its
    /// type.
    pub fn set_error<R: Resource>(&self, name: &str, code: i32, message: &str) {
        let status = Status {
            code,
            message: message.to_owned(),
            details: Vec::new(),
        };
        self.change(R::TYPE_URL, |served| {
            served.insert(name.to_owned(), Err(status));
        });
    }

    /// Deletes a resource, in a new version of its type.
    pub fn delete<R: Resource>(&self, name: &str) {
        self.change(R::TYPE_URL, |served| {
            served.remove(name);
        });
    }

    fn change(
        &self,
        type_url: &str,
        change: impl FnOnce(&mut std::collections::BTreeMap<String, Result<Any, Status>>),
    ) {
        self.plane.change(|content| {
            change(content.cache.change(type_url));
            content.answer_all();
        });
    }

    /// Returns the version of a type, as a response has it. `None` if the type never had a resource.
    pub fn version<R: Resource>(&self) -> Option<String> {
        self.plane
            .read(|content| content.cache.version(R::TYPE_URL))
    }

    /// Sets the first response of each stream of load reports: what clients are to report, and
    /// how often. Without one, which is the default, a client gets no response and reports nothing.
    pub fn set_load_response(&self, response: LoadStatsResponse) {
        self.plane.change(|content| {
            content.load_response = Some(response);
            content.answer_all();
        });
    }

    // How it behaves.

    /// Sets whether it answers requests by its resources. If not, it records them all the same, and
    /// sends what is due once it answers again. The default is true.
    pub fn set_answering(&self, answers: bool) {
        self.plane.change(|content| {
            content.answers = answers;
            content.answer_all();
        });
    }

    /// Sets whether it reads requests. If not, they wait in the window of the stream. The default is
    /// true.
    pub fn set_reading(&self, reads: bool) {
        self.plane.change(|content| content.reads = reads);
    }

    /// Sets how long everything that it sends from now on is delayed. The default is zero.
    pub fn set_delay(&self, delay: Duration) {
        self.plane.change(|content| content.delay = delay);
    }

    /// Refuses new streams with this gRPC status.
    pub fn refuse_streams(&self, code: u32, message: &str) {
        let message = message.to_owned();
        self.backend.set_reply(CallReply::Status { code, message });
    }

    /// Accepts new streams again.
    pub fn accept_streams(&self) {
        self.backend.set_reply(CallReply::Service);
    }

    /// Ends all open streams with this gRPC status.
    pub fn end_streams(&self, code: u32, message: &str) {
        self.plane.change(|content| {
            for stream in content.streams.keys().copied().collect::<Vec<_>>() {
                let message = message.to_owned();
                content.push(stream, Outgoing::End { code, message });
            }
        });
    }

    /// Sends a response on the newest open stream of discovery, whatever was requested on it.
    ///
    /// # Panics
    ///
    /// When no stream is open.
    #[track_caller]
    pub fn send(&self, response: &DiscoveryResponse) {
        self.plane.change(|content| {
            let stream = content.newest(StreamKind::Discovery);
            let stream = stream.expect("no stream of discovery is open");
            content.send_scripted(stream, response);
        });
    }

    /// Sends a response on the newest open stream of load reports.
    ///
    /// # Panics
    ///
    /// When no stream is open.
    #[track_caller]
    pub fn send_load_response(&self, response: &LoadStatsResponse) {
        self.plane.change(|content| {
            let stream = content.newest(StreamKind::Load);
            let stream = stream.expect("no stream of load reports is open");
            content.send(stream, response);
        });
    }

    // What it received.

    /// Returns all requests of discovery, oldest first.
    pub fn requests(&self) -> Vec<Received<DiscoveryRequest>> {
        self.plane.read(|content| content.requests.all.clone())
    }

    /// Waits for the next request of discovery: each call returns the oldest one that none has
    /// returned yet.
    pub async fn next_request(&self) -> Received<DiscoveryRequest> {
        poll_fn(|cx| self.plane.poll(cx, |content| content.requests.take())).await
    }

    /// Returns all load reports, oldest first. The first one of a stream has no loads.
    pub fn load_reports(&self) -> Vec<Received<LoadStatsRequest>> {
        self.plane.read(|content| content.reports.all.clone())
    }

    /// Waits for the next load report: each call returns the oldest one that none has returned yet.
    pub async fn next_load_report(&self) -> Received<LoadStatsRequest> {
        poll_fn(|cx| self.plane.poll(cx, |content| content.reports.take())).await
    }

    /// Returns how many streams there were, of both kinds. Refused ones are not counted.
    pub fn streams(&self) -> u64 {
        self.plane.read(|content| content.started)
    }

    /// Returns the numbers of the open streams, of both kinds.
    pub fn open_streams(&self) -> Vec<u64> {
        self.plane
            .read(|content| content.streams.keys().copied().collect())
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane")
            .field("address", self.address())
            .finish_non_exhaustive()
    }
}
