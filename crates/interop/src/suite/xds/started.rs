//! A control plane, and the clients of it: grpc-go's and one of ours on each runtime.

use super::clients::{Client, Foreign};
use super::plane::Plane;
use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

pub(super) const TARGET: &str = "xds:///orders";

/// Starts the clients of other projects, then those of ours; each with its name, which is its node.
pub(super) fn clients(
    foreign: &[Foreign],
    plane: &Plane,
    runtimes: &[NamedRuntime; 3],
) -> Result<Vec<(&'static str, Client)>, Wrong> {
    let mut clients = Vec::new();
    for one in foreign {
        let client = Client::foreign(one, TARGET, &bootstrap(plane, one.name))?;
        clients.push((one.name, client));
    }
    for on in runtimes {
        let client = Client::own(on, TARGET, &bootstrap(plane, on.name))?;
        clients.push((on.name, client));
    }
    Ok(clients)
}

/// Returns the bootstrap of a client.
pub(super) fn bootstrap(plane: &Plane, node: &str) -> String {
    serde_json::json!({
        "xds_servers": [{
            "server_uri": plane.address,
            "channel_creds": [{"type": "insecure"}],
            "server_features": ["xds_v3"],
        }],
        "node": {"id": node},
    })
    .to_string()
}
