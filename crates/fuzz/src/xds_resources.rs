//! Clusters and endpoints of a control plane, and the identities of their servers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use prost::Message;
use trunkline_endpoint::{Address, Weight};
use trunkline_lb::PolicyRegistry;
use trunkline_xds::core::resources::{Cluster, ClusterEndpoints};
use trunkline_xds::core::san::SubjectAltName;
use trunkline_xds::core::spiffe::{SpiffeId, TrustBundles};
use trunkline_xds::core::{CertificateProvider, ServerConfig, WatchedFiles};
use trunkline_xds::policies::{ClusterCounters, registry};
use trunkline_xds_proto::envoy::config::cluster::v3 as cluster;
use trunkline_xds_proto::envoy::config::core::v3 as core;
use trunkline_xds_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use trunkline_xds_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_xds_proto::envoy::config::endpoint::v3::{ClusterLoadAssignment, LbEndpoint};

/// Endpoints are valid or have faults, whatever the bytes are. What is read of a valid message is what the
/// message has. An earlier version changes nothing of the result.
pub fn xds_endpoints(data: &[u8]) {
    let decoded = ClusterEndpoints::decode(data, None);
    if let Ok(endpoints) = &decoded {
        check_weights(endpoints);
        let again = ClusterEndpoints::decode(data, Some(endpoints)).expect("the same bytes");
        assert_eq!(again, *endpoints);
        for (before, after) in endpoints.priorities.iter().zip(&again.priorities) {
            for (before, after) in before.iter().zip(after) {
                assert!(Arc::ptr_eq(&before.endpoints, &after.endpoints));
            }
        }
    }
    // Without the fields that are not read.
    let Ok(message) = ClusterLoadAssignment::decode(data) else {
        return;
    };
    let bytes = message.encode_to_vec();
    let known = ClusterEndpoints::decode(&bytes, decoded.as_ref().ok());
    assert_eq!(known, ClusterEndpoints::decode(&bytes, None));
    if let Ok(endpoints) = known {
        check_addresses(&endpoints, &message);
    }
}

fn check_weights(endpoints: &ClusterEndpoints) {
    for localities in &endpoints.priorities {
        assert!(!localities.is_empty());
        for locality in localities {
            assert!(locality.weight > 0);
            assert!(locality.endpoints.len() <= locality.all);
            for endpoint in locality.endpoints.iter() {
                let weight = endpoint.attributes().get::<Weight>().copied();
                assert!(weight.is_some_and(|weight| (1..=1 << 31).contains(&weight)));
            }
        }
    }
}

/// Compares with the addresses of the message, which is decoded as a whole.
fn check_addresses(endpoints: &ClusterEndpoints, message: &ClusterLoadAssignment) {
    let mut expected: BTreeMap<u32, Vec<Vec<SocketAddr>>> = BTreeMap::new();
    for locality in &message.endpoints {
        if locality.load_balancing_weight.unwrap_or_default() == 0 {
            continue;
        }
        let healthy = locality.lb_endpoints.iter();
        let healthy = healthy.filter(|endpoint| matches!(endpoint.health_status, 0 | 1));
        let of_priority = expected.entry(locality.priority).or_default();
        of_priority.extend(healthy.map(addresses));
    }
    let expected: Vec<_> = expected.into_values().collect();
    let read: Vec<Vec<Vec<SocketAddr>>> = endpoints
        .priorities
        .iter()
        .map(|localities| {
            let endpoints = localities.iter().flat_map(|it| it.endpoints.iter());
            let addresses = endpoints.map(|endpoint| endpoint.addresses().iter());
            addresses
                .map(|all| all.filter_map(Address::socket_addr).collect())
                .collect()
        })
        .collect();
    assert_eq!(read, expected);
}

/// Returns the addresses of an endpoint, all of which are valid.
fn addresses(endpoint: &LbEndpoint) -> Vec<SocketAddr> {
    let Some(HostIdentifier::Endpoint(endpoint)) = &endpoint.host_identifier else {
        panic!("an endpoint without one is refused: {endpoint:?}");
    };
    let additional = endpoint.additional_addresses.iter();
    let all = std::iter::once(&endpoint.address).chain(additional.map(|it| &it.address));
    all.map(|address| {
        let Some(core::address::Address::SocketAddress(socket)) = address
            .as_ref()
            .and_then(|address| address.address.as_ref())
        else {
            panic!("an address without one is refused: {address:?}");
        };
        let ip: IpAddr = socket.address.parse().expect("an IP address");
        let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
            panic!("an address without a port is refused: {socket:?}");
        };
        SocketAddr::new(ip.to_canonical(), port.try_into().expect("a port"))
    })
    .collect()
}

/// The policies that clusters can name.
pub(crate) static POLICIES: LazyLock<PolicyRegistry> = LazyLock::new(|| {
    let mut policies = PolicyRegistry::standard();
    policies.merge(registry(&ClusterCounters::new()));
    policies
});

/// A cluster is valid or has faults, whatever the bytes are, also without the fields that are not read.
pub fn xds_cluster(data: &[u8]) {
    let files = CertificateProvider::FileWatcher(WatchedFiles::default());
    let providers = [("files".into(), files)].into();
    let server = Arc::new(ServerConfig::insecure("dns:///plane.example:18000"));
    let decode = |bytes: &[u8]| Cluster::decode(bytes, &server, &*POLICIES, &providers);
    let decoded = decode(data);
    if let Ok(message) = cluster::Cluster::decode(data) {
        assert_eq!(decode(&message.encode_to_vec()), decoded);
    }
}

/// The names of a certificate of any bytes can be checked. A text that is a SPIFFE identity is its trust
/// domain and its path; a map of trust bundles is one or has a fault.
pub fn xds_identity(data: &[u8]) {
    if let Some(names) = SubjectAltName::of_certificate(data) {
        // A name has a tag and a length.
        assert!(names.len() <= data.len() / 2);
        if let Ok(id) = SpiffeId::of_names(&names) {
            assert!(!id.trust_domain().is_empty());
        }
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(id) = text.parse::<SpiffeId>() {
        assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
        assert!(TrustBundles::default().roots_of(&id).is_err());
    }
    if let Err(error) = TrustBundles::parse(text) {
        assert!(!error.to_string().is_empty());
    }
}
