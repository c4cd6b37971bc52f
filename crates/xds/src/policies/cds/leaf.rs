//! The policies below a cluster with backends of its own.

use std::sync::Arc;

use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_lb::{HierarchyPath, OutlierDetectionConfig, PriorityChild, PriorityConfig};
use trunkline_service_config::PolicyChoice;

use super::priority_names::PriorityNames;
use crate::core::resources::{Cluster, ClusterEndpoints, ClusterKind, LocalityName};
use crate::core::{Hostname, LeafEndpoints};
use crate::policies::cluster_impl::ClusterImplConfig;
use crate::policies::locality::{EndpointLocality, LocalityShare};
use crate::policies::names::{CLUSTER_IMPL, OUTLIER_DETECTION, PRIORITY};

/// What the policies below a cluster get.
#[derive(Debug)]
pub(super) struct LeafUpdate {
    /// The uppermost policy.
    pub(super) choice: PolicyChoice,
    pub(super) endpoints: Vec<Endpoint>,
}

/// Returns what the policies below a cluster get.
///
/// # Errors
///
/// Without endpoints: the text for calls, without the note.
pub(super) fn leaf_update(
    cluster: &Cluster,
    endpoints: &LeafEndpoints,
    names: &mut PriorityNames,
) -> Result<LeafUpdate, String> {
    let name = &cluster.name;
    match endpoints {
        LeafEndpoints::Eds(eds) => {
            if eds
                .priorities
                .iter()
                .flatten()
                .all(|one| one.endpoints.is_empty())
            {
                return Err(no_endpoints(cluster, eds));
            }
            Ok(of_priorities(cluster, eds, names))
        }
        LeafEndpoints::LogicalDns(Some(endpoint)) => Ok(of_host(cluster, endpoint, names)),
        LeafEndpoints::LogicalDns(None) => Err(match &cluster.kind {
            ClusterKind::LogicalDns { host, port } => {
                format!("host name \"{host}:{port}\" of cluster {name:?} has no addresses")
            }
            _ => format!("the host name of cluster {name:?} has no addresses"),
        }),
        LeafEndpoints::Missing(why) => Err(why.to_string()),
    }
}

/// Returns the text for calls where there is no endpoint that can be used.
fn no_endpoints(cluster: &Cluster, eds: &ClusterEndpoints) -> String {
    let of = format!("endpoints {:?} of cluster {:?}", eds.name, cluster.name);
    let all: usize = eds.priorities.iter().flatten().map(|one| one.all).sum();
    if all == 0 {
        format!("{of}: none in any locality")
    } else {
        format!("{of}: none of {all} is healthy")
    }
}

fn of_priorities(
    cluster: &Cluster,
    eds: &ClusterEndpoints,
    names: &mut PriorityNames,
) -> LeafUpdate {
    let localities = eds.priorities.iter().map(|priority| {
        let names = priority.iter().map(|locality| Arc::clone(&locality.name));
        names.collect()
    });
    let localities: Vec<Vec<Arc<LocalityName>>> = localities.collect();
    let usable = eds.priorities.iter().flatten();
    let usable = usable.map(|locality| locality.endpoints.len()).sum();
    let mut endpoints = Vec::with_capacity(usable);
    let mut children = Vec::new();
    for (priority, name) in eds.priorities.iter().zip(names.assign(&localities)) {
        for locality in priority {
            let share = LocalityShare {
                name: Arc::clone(&locality.name),
                weight: locality.weight,
            };
            let list = locality.endpoints.iter();
            placed(list, &name, &share, &mut endpoints);
        }
        // The control plane sends changes by itself.
        let child = PriorityChild::new(name, cluster.lb_policy.clone());
        children.push(child.with_ignore_reresolution_requests(true));
    }
    let mut config = ClusterImplConfig::new(Arc::clone(&cluster.name), priority(children))
        .with_service_name(Arc::clone(&eds.name))
        .with_drops(eds.drops.clone());
    config.load_reporting.clone_from(&cluster.load_reporting);
    LeafUpdate {
        choice: detected(cluster, config),
        endpoints,
    }
}

fn of_host(cluster: &Cluster, endpoint: &Endpoint, names: &mut PriorityNames) -> LeafUpdate {
    let mut endpoint = endpoint.clone();
    if let Some(hostname) = cluster.kind.host_name() {
        let attributes = endpoint.attributes().with::<Hostname>(hostname);
        endpoint = endpoint.with_attributes(attributes);
    }
    let share = LocalityShare {
        name: Arc::default(),
        weight: 1,
    };
    let mut endpoints = Vec::new();
    let mut children = Vec::new();
    for name in names.assign(&[vec![Arc::clone(&share.name)]]) {
        placed([&endpoint], &name, &share, &mut endpoints);
        children.push(PriorityChild::new(name, cluster.lb_policy.clone()));
    }
    let mut config = ClusterImplConfig::new(Arc::clone(&cluster.name), priority(children));
    config.load_reporting.clone_from(&cluster.load_reporting);
    LeafUpdate {
        choice: detected(cluster, config),
        endpoints,
    }
}

/// Adds the endpoints of a locality to `list`, each with its way to the child of its priority, and below
/// that to the target of its locality.
fn placed<'a>(
    endpoints: impl IntoIterator<Item = &'a Endpoint>,
    priority: &Arc<str>,
    share: &LocalityShare,
    list: &mut Vec<Endpoint>,
) {
    let locality: Arc<str> = share.name.to_string().into();
    let path = HierarchyPath::new([Arc::clone(priority), locality]);
    // Endpoints with equal attributes share those that they get: that is most of a large locality.
    let mut last: Option<(&Attributes, Attributes)> = None;
    for endpoint in endpoints {
        let before = endpoint.attributes();
        let attributes = match &last {
            Some((same, attributes)) if *same == before => attributes.clone(),
            _ => {
                let attributes = before
                    .with::<HierarchyPath>(path.clone())
                    .with::<EndpointLocality>(share.clone());
                last = Some((before, attributes.clone()));
                attributes
            }
        };
        list.push(endpoint.clone().with_attributes(attributes));
    }
}

fn priority(children: Vec<PriorityChild>) -> PolicyChoice {
    let mut config = PriorityConfig::default();
    config.children = children;
    PolicyChoice {
        name: PRIORITY.into(),
        config: Arc::new(config),
    }
}

/// Returns the detection of outliers around the limits of the cluster. Without a method it counts
/// nothing; it is there in any case, so that turning it on does not replace the policies below it.
fn detected(cluster: &Cluster, limits: ClusterImplConfig) -> PolicyChoice {
    let limits = PolicyChoice {
        name: CLUSTER_IMPL.into(),
        config: Arc::new(
            limits
                .with_max_requests(cluster.max_requests)
                .with_max_connections_per_host(cluster.max_connections_per_host),
        ),
    };
    let config = match &cluster.outlier_detection {
        Some(config) => {
            let mut config = config.clone();
            config.child = Arc::new(limits);
            config
        }
        None => OutlierDetectionConfig::new(limits),
    };
    PolicyChoice {
        name: OUTLIER_DETECTION.into(),
        config: Arc::new(config),
    }
}
