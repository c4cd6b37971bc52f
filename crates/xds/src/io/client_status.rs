//! The messages of the client status discovery service.

use std::time::{Duration, Instant, UNIX_EPOCH};

use prost_types::Timestamp;
use trunkline_runtime::Runtime;
use trunkline_status::{Code, Status};
use trunkline_xds_proto::envoy::admin::v3::{ClientResourceStatus, UpdateFailureState};
use trunkline_xds_proto::envoy::service::status::v3::client_config::GenericXdsConfig;
use trunkline_xds_proto::envoy::service::status::v3::{
    ClientConfig, ClientStatusRequest, ClientStatusResponse,
};
use trunkline_xds_proto::google::protobuf::Any;

use super::pool::XdsPool;
use crate::core::ResourceErrorKind;
use crate::core::ads::{CachedDump, ErrorDump, ResourceDump, ResourceState};

impl XdsPool {
    /// Returns the resources of all clients, as the answer of the client status discovery service
    /// (`envoy.service.status.v3.ClientStatusDiscoveryService`) to `request`.
    ///
    /// There is one config a client, in the order of their creation; its `client_scope` is the target
    /// of the client's channels. Its resources are those that are watched. `xds_config` has the bytes
    /// as the server sent them, and is left out with `exclude_resource_contents`. Times are counted back
    /// from the time of day of the answer. The `node` of the request has no effect.
    ///
    /// The answer names the targets, routes and addresses of the program: serve it to operators only.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if the request has node matchers, which gRPC clients do not support.
    ///
    /// The crate `trunkline-csds` has the service, for tonic's servers.
    ///
    /// Source: [gRFC A40](https://github.com/grpc/proposal/blob/master/A40-csds-support.md).
    pub fn client_status(
        &self,
        request: &ClientStatusRequest,
    ) -> Result<ClientStatusResponse, Status> {
        if !request.node_matchers.is_empty() {
            let text = "node_matchers: not supported: leave it empty, and the answer has all clients \
                        of this program";
            return Err(Status::new(Code::InvalidArgument, text));
        }
        let config = self.clients().into_iter().map(|client| {
            let shared = client.shared();
            let clock = Clock::read(&*shared.links.runtime);
            let authorities = client.dump().authorities;
            let resources = authorities
                .iter()
                .flat_map(|authority| &authority.resources);
            let to_config =
                |resource| to_config(resource, !request.exclude_resource_contents, &clock);
            ClientConfig {
                node: Some(shared.bootstrap.node.to_proto()),
                generic_xds_configs: resources.map(to_config).collect(),
                client_scope: shared.target.to_string(),
            }
        });
        Ok(ClientStatusResponse {
            config: config.collect(),
        })
    }
}

/// Converts times of a runtime's clock to times of day.
struct Clock {
    now: Instant,
    /// The time of day of `now`, from the Unix epoch.
    epoch: Duration,
}

impl Clock {
    fn read(runtime: &dyn Runtime) -> Self {
        Self {
            now: runtime.now(),
            // A clock before 1970 is not set.
            epoch: runtime
                .system_time()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    fn timestamp(&self, at: Instant) -> Timestamp {
        let ago = self.now.saturating_duration_since(at);
        let time = self.epoch.saturating_sub(ago);
        Timestamp {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            // Below 1,000,000,000.
            nanos: time.subsec_nanos() as i32,
        }
    }
}

fn to_config(resource: &ResourceDump, has_contents: bool, clock: &Clock) -> GenericXdsConfig {
    let type_url = resource.kind.url();
    let cached = resource.cached.as_ref();
    let to_any = |cached: &CachedDump| Any {
        type_url: type_url.to_owned(),
        value: cached.raw.clone(),
    };
    GenericXdsConfig {
        type_url: type_url.to_owned(),
        name: resource.name.to_string(),
        version_info: cached.map_or_else(String::new, |cached| cached.version.to_string()),
        xds_config: cached.filter(|_| has_contents).map(to_any),
        last_updated: cached.map(|cached| clock.timestamp(cached.updated)),
        client_status: to_status(resource.state).into(),
        error_state: resource
            .error
            .as_ref()
            .map(|error| to_failure(error, clock)),
    }
}

fn to_status(state: ResourceState) -> ClientResourceStatus {
    match state {
        ResourceState::Requested => ClientResourceStatus::Requested,
        ResourceState::Acked => ClientResourceStatus::Acked,
        ResourceState::Nacked => ClientResourceStatus::Nacked,
        ResourceState::DoesNotExist => ClientResourceStatus::DoesNotExist,
        ResourceState::ReceivedError => ClientResourceStatus::ReceivedError,
        ResourceState::Timeout => ClientResourceStatus::Timeout,
    }
}

fn to_failure(error: &ErrorDump, clock: &Clock) -> UpdateFailureState {
    UpdateFailureState {
        // The refused resource itself is not kept.
        failed_configuration: None,
        last_update_attempt: Some(clock.timestamp(error.at)),
        details: match &error.error.kind {
            // All faults, where `Display` prints the first.
            ResourceErrorKind::Invalid(faults) => faults.to_string(),
            _ => error.error.to_string(),
        },
        version_info: error.version.to_string(),
    }
}
