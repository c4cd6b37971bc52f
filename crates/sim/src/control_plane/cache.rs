//! The resources of a control plane, and what one stream has received of them.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_xds_proto::envoy::service::discovery::v3::{
    DiscoveryRequest, DiscoveryResponse, ResourceError, ResourceName,
};
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::google::rpc::Status;

/// The resources, by type URL.
#[derive(Default)]
pub(super) struct Cache(BTreeMap<String, TypeContent>);

/// The resources of one type.
#[derive(Default)]
struct TypeContent {
    version: u64,
    resources: BTreeMap<String, Result<Any, Status>>,
}

impl Cache {
    /// Begins a new version of a type, and returns its resources for changes. The value of a name is
    /// the resource, or the error that is sent for it.
    pub(super) fn change(&mut self, type_url: &str) -> &mut BTreeMap<String, Result<Any, Status>> {
        let content = self.0.entry(type_url.to_owned()).or_default();
        content.version += 1;
        &mut content.resources
    }

    /// Returns the version of a type; none if it never had a resource.
    pub(super) fn version(&self, type_url: &str) -> Option<String> {
        Some(self.0.get(type_url)?.version.to_string())
    }
}

/// What one stream is subscribed to, and what was sent on it.
#[derive(Default)]
pub(super) struct Subscriptions {
    types: BTreeMap<String, Subscription>,
    /// How many responses were made for this stream; the nonce of the last one.
    responses: u64,
}

/// What one stream is subscribed to of one type.
#[derive(Default)]
struct Subscription {
    names: BTreeSet<String>,
    /// The names in the last response, without those that the client unsubscribed from since: it has
    /// forgotten their resources, so they are sent again when it asks for them again.
    returned: BTreeSet<String>,
    /// The nonce of the last response; empty before.
    nonce: String,
    /// The version of the last response; empty before.
    sent: String,
    /// The version that needs no answer: the one that the client has, or has rejected.
    known: String,
    /// Whether the last response was answered.
    open: bool,
}

impl Subscriptions {
    /// Handles a request. Returns false if it has an old nonce, and is ignored.
    ///
    /// A rejected version is not sent again. The cache of go-control-plane sends it at once, for
    /// ever.
    pub(super) fn handle_request(&mut self, request: &DiscoveryRequest) -> bool {
        let subscription = self.types.entry(request.type_url.clone()).or_default();
        if !subscription.nonce.is_empty() && request.response_nonce != subscription.nonce {
            return false;
        }
        subscription.names = request.resource_names.iter().cloned().collect();
        let names = &subscription.names;
        subscription.returned.retain(|name| names.contains(name));
        subscription.known = match request.error_detail {
            Some(_) => subscription.sent.clone(),
            None => request.version_info.clone(),
        };
        subscription.open = true;
        true
    }

    /// Records a response that the test has made.
    pub(super) fn handle_sent(&mut self, response: &DiscoveryResponse) {
        if let Some(subscription) = self.types.get_mut(&response.type_url) {
            subscription.nonce.clone_from(&response.nonce);
            subscription.sent.clone_from(&response.version_info);
            subscription.open = false;
        }
    }

    /// Returns the response that is due for a type: the last one was answered, and the version or a
    /// subscribed name is new to the client.
    pub(super) fn answer(&mut self, type_url: &str, cache: &Cache) -> Option<DiscoveryResponse> {
        let subscription = self.types.get_mut(type_url)?;
        let content = cache.0.get(type_url)?;
        let version = content.version.to_string();
        let names = &subscription.names;
        let subscribed = || {
            let resources = content.resources.iter();
            resources.filter(|(name, _)| names.contains(*name))
        };
        let new_name = subscribed().any(|(name, _)| !subscription.returned.contains(name));
        if !subscription.open || (subscription.known == version && !new_name) {
            return None;
        }
        self.responses += 1;
        let mut response = DiscoveryResponse {
            version_info: version,
            type_url: type_url.to_owned(),
            nonce: self.responses.to_string(),
            ..DiscoveryResponse::default()
        };
        for (name, resource) in subscribed() {
            match resource {
                Ok(any) => response.resources.push(any.clone()),
                Err(status) => response.resource_errors.push(ResourceError {
                    resource_name: Some(ResourceName { name: name.clone() }),
                    error_detail: Some(status.clone()),
                }),
            }
        }
        subscription.returned = subscribed().map(|(name, _)| name.clone()).collect();
        self.handle_sent(&response);
        Some(response)
    }

    /// Returns the subscribed types.
    pub(super) fn types(&self) -> Vec<String> {
        self.types.keys().cloned().collect()
    }
}
