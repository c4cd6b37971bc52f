//! Where the backends of a cluster are.

use std::sync::Arc;

use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::cluster::v3::Cluster as Message;
use trunkline_xds_proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType,
};
use trunkline_xds_proto::envoy::config::core::v3::address::Address;
use trunkline_xds_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use trunkline_xds_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_xds_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_xds_proto::envoy::extensions::clusters::aggregate::v3::ClusterConfig;

use crate::core::resources::cluster::ClusterKind;
use crate::core::resources::decode::shared::config_source;
use crate::core::resources::fault::{Faults, Place, quote};

/// What names of the new style begin with.
const XDSTP: &str = "xdstp:";

/// Reads the kind of a cluster.
pub(super) fn decode(message: &Message, faults: &mut Faults) -> Option<ClusterKind> {
    let number = match &message.cluster_discovery_type {
        Some(ClusterDiscoveryType::ClusterType(custom)) => return decode_custom(custom, faults),
        Some(ClusterDiscoveryType::Type(number)) => *number,
        // The zero of the enum, which is not on the wire.
        None => DiscoveryType::Static.into(),
    };
    match DiscoveryType::try_from(number) {
        Ok(DiscoveryType::Eds) => decode_eds(message, faults),
        Ok(DiscoveryType::LogicalDns) => {
            decode_logical_dns(message.load_assignment.as_ref(), faults)
        }
        Ok(other) => {
            let text = format!("unsupported cluster type {}", other.as_str_name());
            faults.add(&Place::Root.field("type"), text);
            None
        }
        Err(_) => {
            let text = format!("unsupported cluster type {number}");
            faults.add(&Place::Root.field("type"), text);
            None
        }
    }
}

fn decode_eds(message: &Message, faults: &mut Faults) -> Option<ClusterKind> {
    let place = Place::Root.field("eds_cluster_config");
    let Some(eds) = &message.eds_cluster_config else {
        faults.add(&place, "is missing");
        return None;
    };
    if let Err(text) = config_source(eds.eds_config.as_ref()) {
        faults.add(&place.field("eds_config"), text);
    }
    let service_name = match &*eds.service_name {
        "" if message.name.starts_with(XDSTP) => {
            let text = "is missing: a cluster with an xdstp name must give it";
            faults.add(&place.field("service_name"), text);
            return None;
        }
        "" => &message.name,
        name => name,
    };
    Some(ClusterKind::Eds {
        service_name: service_name.into(),
    })
}

fn decode_logical_dns(
    assignment: Option<&ClusterLoadAssignment>,
    faults: &mut Faults,
) -> Option<ClusterKind> {
    let place = Place::Root.field("load_assignment");
    let localities = assignment.map_or(&[][..], |assignment| &assignment.endpoints);
    let place = place.field("endpoints");
    let [locality] = localities else {
        let text = format!("must be exactly one locality, is {}", localities.len());
        faults.add(&place, text);
        return None;
    };
    let place = place.item(0);
    let place = place.field("lb_endpoints");
    let [endpoint] = &*locality.lb_endpoints else {
        let text = format!("must be exactly one, is {}", locality.lb_endpoints.len());
        faults.add(&place, text);
        return None;
    };
    let place = place.item(0);
    let place = place.field("endpoint");
    let place = place.field("address");
    let place = place.field("socket_address");
    let address = match &endpoint.host_identifier {
        Some(HostIdentifier::Endpoint(endpoint)) => endpoint.address.as_ref(),
        None => None,
    };
    let address = address.and_then(|address| address.address.as_ref());
    let Some(Address::SocketAddress(address)) = address else {
        faults.add(&place, "no host name and port");
        return None;
    };
    if !address.resolver_name.is_empty() {
        let text = format!("unsupported resolver {}", quote(&address.resolver_name));
        faults.add(&place.field("resolver_name"), text);
    }
    if address.address.is_empty() {
        faults.add(&place.field("address"), "is empty");
    }
    let port = match address.port_specifier {
        Some(PortSpecifier::PortValue(port)) => u16::try_from(port).ok().filter(|&port| port > 0),
        Some(PortSpecifier::NamedPort(_)) | None => None,
    };
    if port.is_none() {
        faults.add(&place.field("port_value"), "must be from 1 to 65535");
    }
    Some(ClusterKind::LogicalDns {
        host: address.address.as_str().into(),
        port: port?,
    })
}

/// Reads a kind that is an extension: the aggregate cluster, which is the only one that is supported.
fn decode_custom(custom: &CustomClusterType, faults: &mut Faults) -> Option<ClusterKind> {
    let place = Place::Root.field("cluster_type");
    let place = place.field("typed_config");
    let config = custom.typed_config.as_ref();
    let config = match config.and_then(ClusterConfig::unpack) {
        Some(Ok(config)) => config,
        Some(Err(error)) => {
            faults.add(&place, error.to_string());
            return None;
        }
        None => {
            let name = config.map_or(&*custom.name, |config| &config.type_url);
            let text = format!("unsupported cluster type {}", quote(name));
            faults.add(&place, text);
            return None;
        }
    };
    let place = place.field("clusters");
    if config.clusters.is_empty() {
        faults.add(&place, "is empty");
    }
    for (at, _) in (0..)
        .zip(&config.clusters)
        .filter(|(_, name)| name.is_empty())
    {
        faults.add(&place.item(at), "is empty");
    }
    Some(ClusterKind::Aggregate {
        clusters: config.clusters.into_iter().map(Arc::from).collect(),
    })
}
