//! What happens to the calls of a route.

use std::time::Duration;

use trunkline_service_config::RetryPolicy;
use trunkline_xds_proto::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HostRewriteSpecifier, MaxStreamDuration,
};
use trunkline_xds_proto::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use trunkline_xds_proto::envoy::config::route::v3::{RouteAction, WeightedCluster as Weighted};

use super::context::Validation;
use super::shared::duration;
use super::{filters, hash_policy, retry};
use crate::core::resources::fault::Place;
use crate::core::resources::http_filter::FilterOverrides;
use crate::core::resources::route::{ForwardAction, WeightedCluster};

/// The result of decoding an action.
pub(super) enum Decoded {
    Forward(ForwardAction),
    /// The route is left out, for this reason.
    Skip(String),
    /// There are faults.
    Faulty,
}

/// Decodes the action of a route that sends calls to clusters. `retry` is that of the virtual host.
pub(super) fn decode(
    message: RouteAction,
    retry: Option<&RetryPolicy>,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Decoded {
    let clusters = match message.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => one(name, place, validation),
        Some(ClusterSpecifier::WeightedClusters(clusters)) => {
            weighted(clusters, &place.field("weighted_clusters"), validation)
        }
        Some(ClusterSpecifier::ClusterHeader(_)) => {
            return Decoded::Skip("its cluster is in a header (cluster_header)".to_owned());
        }
        Some(ClusterSpecifier::ClusterSpecifierPlugin(_)) => {
            return Decoded::Skip(
                "its cluster comes from a plugin (cluster_specifier_plugin)".to_owned(),
            );
        }
        None => return Decoded::Skip("it has no cluster of a known kind".to_owned()),
    };
    let own_retry = message.retry_policy.as_ref();
    let retry = match own_retry {
        Some(own) => retry::decode(own, &place.field("retry_policy"), validation),
        None => retry.cloned(),
    };
    let max_stream_duration = message.max_stream_duration.and_then(|message| {
        max_stream_duration(message, &place.field("max_stream_duration"), validation)
    });
    let place = place.field("hash_policy");
    let policies = message.hash_policy.into_iter().enumerate();
    let hash_policies = policies
        .filter_map(|(at, policy)| hash_policy::decode(policy, &place.item(at), validation))
        .collect();
    let rewrites = matches!(
        message.host_rewrite_specifier,
        Some(HostRewriteSpecifier::AutoHostRewrite(true))
    );
    let Some(clusters) = clusters else {
        return Decoded::Faulty;
    };
    Decoded::Forward(ForwardAction {
        clusters,
        max_stream_duration,
        retry,
        hash_policies,
        auto_host_rewrite: rewrites && validation.context.server.features.trusted_xds_server,
    })
}

fn one(
    name: String,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<Vec<WeightedCluster>> {
    if name.is_empty() {
        validation.add(&place.field("cluster"), "is empty");
        return None;
    }
    Some(vec![WeightedCluster {
        name: name.into(),
        weight: 1,
        filter_overrides: FilterOverrides::new(),
    }])
}

fn weighted(
    message: Weighted,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<Vec<WeightedCluster>> {
    let place = place.field("clusters");
    let mut clusters = Vec::new();
    let mut sum = 0;
    for (at, cluster) in message.clusters.into_iter().enumerate() {
        let place = place.item(at);
        let ClusterWeight {
            name,
            weight,
            typed_per_filter_config,
        } = cluster;
        if name.is_empty() {
            validation.add(&place.field("name"), "is empty");
        }
        let filter_overrides = filters::overrides(
            typed_per_filter_config,
            &place.field("typed_per_filter_config"),
            validation,
        );
        let weight = weight.unwrap_or(0);
        sum += u64::from(weight);
        if weight > 0 {
            clusters.push(WeightedCluster {
                name: name.into(),
                weight,
                filter_overrides,
            });
        }
    }
    if sum == 0 {
        validation.add(&place, "no cluster has a weight above 0");
        return None;
    }
    if sum > u64::from(u32::MAX) {
        validation.add(
            &place,
            format!("the sum of the weights is {sum}, above 2^32 - 1"),
        );
        return None;
    }
    Some(clusters)
}

/// Returns the longest time of a call, from the first of the two fields that is there.
fn max_stream_duration(
    message: MaxStreamDuration,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<Duration> {
    let fields = [
        ("grpc_timeout_header_max", message.grpc_timeout_header_max),
        ("max_stream_duration", message.max_stream_duration),
    ];
    let (name, value) = fields
        .into_iter()
        .find_map(|(name, value)| value.map(|value| (name, value)))?;
    validation.check(&place.field(name), duration(value))
}
