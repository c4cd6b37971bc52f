//! Settings of clusters that several topics need.

use trunkline_sim::control_plane::proto::envoy;

use envoy::config::cluster::v3::circuit_breakers::Thresholds;
use envoy::config::cluster::v3::{CircuitBreakers, Cluster};
use envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use envoy::config::core::v3::{ConfigSource, RoutingPriority, SelfConfigSource};

/// Returns the limit of calls in flight of a cluster.
pub(crate) fn most_calls(most: u32) -> CircuitBreakers {
    CircuitBreakers {
        thresholds: vec![
            Thresholds {
                priority: RoutingPriority::High.into(),
                max_requests: Some(most + 100),
                ..Thresholds::default()
            },
            Thresholds {
                max_requests: Some(most),
                ..Thresholds::default()
            },
        ],
        ..CircuitBreakers::default()
    }
}

/// Returns a cluster whose load is reported to the server that sent it.
pub(crate) fn reported(mut cluster: Cluster) -> Cluster {
    let own = ConfigSourceSpecifier::Self_(SelfConfigSource {});
    cluster.lrs_server = Some(ConfigSource {
        config_source_specifier: Some(own),
    });
    cluster
}
