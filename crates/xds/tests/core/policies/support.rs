//! Clusters as a control plane sends them, and a channel over the policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint, Locality};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{Pick, PickRequest, Policy, PolicyOptions, PolicyRegistry, Update};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_xds::core::resources::{
    ApiListener, Cluster, ClusterEndpoints, ClusterKind, Domain, Listener, LocalityEndpoints,
    LocalityName, RouteConfiguration, RouteSource, VirtualHost,
};
use trunkline_xds::core::{
    ClusterEntry, ClusterHold, ClusterOfCall, ClusterReleased, LeafEndpoints, ResolvedCluster,
    XdsConfig, XdsConfigKey,
};
use trunkline_xds::policies::{
    ClusterCounters, ClusterManager, ClusterManagerConfig, LoadStore, LoadStores, LoadStoresKey,
    registry,
};

use crate::decoding::server;
use crate::values;

/// Returns options with all policies, which count the calls in flight in `counters`.
pub(crate) fn options_with(seed: u64, counters: &ClusterCounters) -> PolicyOptions {
    let mut policies = PolicyRegistry::standard();
    policies.merge(registry(counters));
    PolicyOptions::new(seed).with_policies(policies)
}

/// Returns options with all policies.
pub(crate) fn options(seed: u64) -> PolicyOptions {
    options_with(seed, &ClusterCounters::new())
}

/// Parses a policy with its configuration.
pub(crate) fn choice(name: &str, config: Value) -> PolicyChoice {
    PolicyChoice::parse(&json!([{ name: config }]), &options(1).policies).expect("a known policy")
}

/// Returns `xds_wrr_locality_experimental` over `round_robin`: what `ROUND_ROBIN` means in a cluster.
pub(crate) fn round_robin() -> PolicyChoice {
    choice(
        "xds_wrr_locality_experimental",
        json!({ "childPolicy": [{ "round_robin": {} }] }),
    )
}

/// Returns the cluster `name`, whose endpoints have the name `name-eds`.
pub(crate) fn cluster(name: &str) -> Cluster {
    let kind = ClusterKind::Eds {
        service_name: format!("{name}-eds").into(),
    };
    values::cluster(name, kind, round_robin())
}

/// Returns the locality in this zone.
pub(crate) fn zone(zone: &str) -> Arc<LocalityName> {
    Arc::new(LocalityName {
        region: "r".into(),
        zone: zone.into(),
        sub_zone: Arc::default(),
    })
}

/// Parses the endpoints of a cluster: priorities are separated by `/`, localities by `,`. A locality is a
/// zone, `*` and its weight unless that is 1, and its endpoints. For example,
/// `a*3 10.0.0.1:443 10.0.0.2:443, b 10.0.0.3:443 / c 10.0.1.1:443` has two priorities.
pub(crate) fn eds(name: &str, priorities: &str) -> ClusterEndpoints {
    let locality = |text: &str| {
        let text = text.trim();
        let (head, list) = text.split_once(' ').unwrap_or((text, ""));
        let (name, weight) = head.split_once('*').unwrap_or((head, "1"));
        let name = zone(name);
        // The endpoints of a locality share their attributes, as those that were decoded do.
        let attributes = Attributes::new().with::<Locality>(name.to_string().into());
        let labelled = |endpoint: Endpoint| endpoint.with_attributes(attributes.clone());
        let list: Arc<[Endpoint]> = endpoints(list).into_iter().map(labelled).collect();
        LocalityEndpoints {
            name,
            weight: weight.parse().expect("a weight"),
            all: list.len(),
            endpoints: list,
        }
    };
    let priorities = priorities.split('/').filter(|text| !text.trim().is_empty());
    ClusterEndpoints {
        name: name.into(),
        priorities: priorities
            .map(|priority| priority.split(',').map(locality).collect())
            .collect(),
        drops: Vec::new(),
    }
}

/// Returns a cluster with these endpoints, see [`eds`].
pub(crate) fn leaf(cluster: Cluster, priorities: &str) -> ClusterEntry {
    let name = format!("{}-eds", cluster.name);
    with_endpoints(cluster, LeafEndpoints::Eds(eds(&name, priorities).into()))
}

/// Returns a cluster with these endpoints, and the note that all clusters of the tests have.
pub(crate) fn with_endpoints(cluster: Cluster, endpoints: LeafEndpoints) -> ClusterEntry {
    Ok(Arc::new(ResolvedCluster::Leaf {
        cluster: cluster.into(),
        endpoints,
        note: "xDS node \"n\"".into(),
    }))
}

/// Returns a cluster of these clusters.
pub(crate) fn aggregate(name: &str, leaves: &[&str]) -> ClusterEntry {
    let leaves: Arc<[Arc<str>]> = leaves.iter().copied().map(Arc::from).collect();
    let kind = ClusterKind::Aggregate {
        clusters: Arc::clone(&leaves),
    };
    let cluster = Cluster {
        kind,
        ..cluster(name)
    };
    Ok(Arc::new(ResolvedCluster::Aggregate {
        cluster: cluster.into(),
        leaves,
    }))
}

/// Returns the configuration of a channel with these clusters.
pub(crate) fn xds_config<'a>(
    clusters: impl IntoIterator<Item = (&'a str, ClusterEntry)>,
) -> Arc<XdsConfig> {
    let virtual_host = Arc::new(VirtualHost {
        name: "v".into(),
        domains: vec![Domain::Any],
        routes: Vec::new(),
        skipped_routes: Vec::new(),
        filter_overrides: Default::default(),
    });
    let route_config = Arc::new(RouteConfiguration {
        name: "r".into(),
        virtual_hosts: vec![Arc::clone(&virtual_host)],
    });
    let listener = Listener {
        name: "l".into(),
        api: Some(ApiListener {
            routes: RouteSource::Inline(Arc::clone(&route_config)),
            max_stream_duration: None,
            http_filters: Vec::new(),
        }),
    };
    let clusters = clusters.into_iter();
    let clusters: BTreeMap<Arc<str>, ClusterEntry> = clusters
        .map(|(name, entry)| (Arc::from(name), entry))
        .collect();
    Arc::new(XdsConfig {
        listener: listener.into(),
        route_config,
        virtual_host,
        clusters,
    })
}

/// Returns an update without endpoints, with this configuration of the channel.
pub(crate) fn update(config: impl PolicyConfig, xds: &Arc<XdsConfig>) -> Update {
    let attributes = Attributes::new().with::<XdsConfigKey>(Arc::clone(xds));
    Update::new(Vec::new(), Arc::new(config)).with_attributes(attributes)
}

/// Returns the attributes of a call to a cluster.
pub(crate) fn call_to(cluster: &str) -> Attributes {
    struct Ignore;
    impl ClusterReleased for Ignore {
        fn handle_release(&self, _: &Arc<str>) {}
    }
    let hold = ClusterHold::new(cluster.into(), Arc::new(Ignore));
    Attributes::new().with::<ClusterOfCall>(hold)
}

/// A channel over the whole tree of policies.
pub(crate) struct Tree {
    pub(crate) channel: FakeChannel<ClusterManager>,
    pub(crate) loads: LoadStores,
}

impl Tree {
    /// Creates a channel that has got no configuration.
    pub(crate) fn new() -> Self {
        Self::in_pool(&ClusterCounters::new())
    }

    /// Creates a channel of a pool.
    pub(crate) fn in_pool(counters: &ClusterCounters) -> Self {
        let options = options_with(1, counters);
        Self {
            channel: FakeChannel::new(ClusterManager::new(&options)),
            loads: LoadStores::new([Arc::new(server())]),
        }
    }

    /// Returns what is counted for the server of the tests.
    pub(crate) fn load_store(&self) -> LoadStore {
        let store = self.loads.of(&Arc::new(server()));
        store.expect("a known server").clone()
    }

    /// Hands over a configuration with these clusters.
    pub(crate) fn update<'a>(
        &mut self,
        clusters: impl IntoIterator<Item = (&'a str, ClusterEntry)>,
    ) {
        self.update_named(&xds_config(clusters), |_| true);
    }

    /// Hands over a configuration. Calls can name the clusters for which `is_named` holds.
    pub(crate) fn update_named(&mut self, xds: &Arc<XdsConfig>, is_named: fn(&str) -> bool) {
        let names = xds.clusters.keys().filter(|name| is_named(name)).cloned();
        let mut update = update(ClusterManagerConfig::of_clusters(names), xds);
        let loads = self.loads.clone();
        update.attributes = update.attributes.with::<LoadStoresKey>(loads);
        let accepted = self
            .channel
            .event(|policy, control| policy.handle_update(update, control));
        accepted.expect("the policies accept each configuration");
    }

    /// Connects all subchannels that are connecting, and those that they cause, in the order of their
    /// addresses.
    pub(crate) fn connect_all(&mut self) {
        use trunkline_lb::SubchannelState::{Connecting, Ready};
        loop {
            let subchannels = self.channel.subchannels.iter();
            let mut connecting = subchannels.filter(|(_, found)| found.state == Connecting);
            let Some((&id, _)) = connecting.next() else {
                return;
            };
            self.channel.set_id(id, Ready);
        }
    }

    /// Picks once for a call to this cluster.
    pub(crate) fn pick(&self, cluster: &str) -> Pick {
        let metadata = HeaderMap::new();
        let attributes = call_to(cluster);
        let request = PickRequest::new("/test.Service/Method", &metadata);
        self.channel
            .picker()
            .pick(&request.with_attributes(&attributes))
    }

    /// Returns the address that one call to this cluster goes to.
    pub(crate) fn picked(&self, cluster: &str) -> String {
        match self.pick(cluster) {
            Pick::Subchannel(id) => self.channel.subchannels[&id].address.to_string(),
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }

    /// Returns the addresses of so many calls to this cluster, sorted, each with its number of calls.
    pub(crate) fn shares(&self, cluster: &str, calls: usize) -> String {
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..calls {
            *shares.entry(self.picked(cluster)).or_default() += 1;
        }
        let shares = shares
            .iter()
            .map(|(address, calls)| format!("{address} {calls}"));
        shares.collect::<Vec<_>>().join(", ")
    }

    /// Returns the text of the error of a call to this cluster that is not wait-for-ready.
    pub(crate) fn error(&self, cluster: &str) -> String {
        match self.pick(cluster) {
            Pick::Fail(status) => status.to_string(),
            other => panic!("expected a failure, found {other:?}"),
        }
    }
}
