//! A foreign client of CSDS reads the resources that channels of this program have from a control plane.

use serde_json::{Value, json};
use trunkline::xds::core::Bootstrap;
use trunkline::xds::{Xds, XdsPool};
use trunkline_csds::Csds;
use trunkline_testkit::backend::{Backend, Options, Program};

use super::plane::Plane;
use super::resources::{Locality, cluster, endpoints, listener, route, routes};
use super::started::{TARGET, bootstrap};
use crate::clients::{Client, NamedRuntime};
use crate::clock::until;
use crate::suite::admin_server::AdminServer;
use crate::suite::foreign::command;
use crate::suite::reader::Reader;
use crate::wrong::Wrong;

/// The node of the clients.
const NODE: &str = "csds";

/// A target that the control plane does not know.
const UNKNOWN: &str = "xds:///unknown";

/// Reads the resources with the stubs of xds-protos, before and after an invalid update, compares all of it, and
/// prints the result.
///
/// # Errors
///
/// When the client reads something else.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let (csds, xds) = match (command("csds")?, command("xds")?) {
        (Ok(csds), Ok(xds)) => (csds, xds),
        (Err(why), _) | (_, Err(why)) => {
            println!("skipped: the client of CSDS: {why}");
            return Ok(());
        }
    };
    let pool = XdsPool::new();
    let admin = AdminServer::start(Csds::new(pool.clone()))?;
    let reader = Reader {
        name: "CSDS",
        command: csds,
        address: admin.address,
    };
    let backend = Backend::start(&Program::ThisProgram, &Options::new("a"))?;
    let mut plane = Plane::start(&xds)?;
    let at = |priority| {
        let locality = Locality {
            zone: "z1",
            weight: 1,
            priority,
            endpoints: &[backend.address_v4()],
        };
        endpoints("a", &[locality])
    };
    plane.set(&[
        listener("orders", "routes"),
        routes("routes", &json!([route("a")])),
        cluster("a"),
        at(0),
    ])?;
    let client = |target| {
        let bootstrap = Bootstrap::parse(&bootstrap(&plane, NODE))?;
        let xds = Xds::new().with_bootstrap(bootstrap).with_pool(pool.clone());
        Client::new_with(target, &runtimes[0], |builder| builder.with(xds))
    };
    let (known, unknown) = (client(TARGET)?, client(UNKNOWN)?);
    known.greet_now()?;
    // The control plane never answers for a listener that it does not have.
    let waiting = unknown.with_deadline(std::time::Duration::from_millis(100));
    if let Ok(peer) = waiting.greet_now() {
        return Err(format!("a call to {UNKNOWN} reached {peer}").into());
    }

    let acked = |kind, name, version: &str| json!({"kind": kind, "name": name, "state": "ACKED", "version": version, "error": null});
    let versions = [
        "Cluster",
        "ClusterLoadAssignment",
        "Listener",
        "RouteConfiguration",
    ]
    .map(|kind| plane.version(kind).to_owned());
    let [clusters, assignments, listeners, configurations] = &versions;
    let mut resources = [
        acked("Cluster", "a", clusters),
        acked("ClusterLoadAssignment", "a", assignments),
        acked("Listener", "orders", listeners),
        acked("RouteConfiguration", "routes", configurations),
    ];
    compare(&reader, &resources)?;

    // There is no priority 0.
    plane.set(&[at(1)])?;
    resources[1]["state"] = json!("NACKED");
    resources[1]["error"] = json!({
        "version": plane.version("ClusterLoadAssignment"),
        "details": "endpoints: priority 0 is missing",
    });
    compare(&reader, &resources)?;
    plane.set(&[at(0)])?;
    resources[1] = acked(
        "ClusterLoadAssignment",
        "a",
        plane.version("ClusterLoadAssignment"),
    );
    compare(&reader, &resources)?;

    drop((known, waiting));
    until("clients that ended disappear", || {
        Ok(reader.read(&[])?["clients"] == json!([]))
    })?;
    println!(
        "the stubs of xds-protos read 2 clients of go-control-plane by both methods of CSDS: LDS, RDS, CDS and EDS, ACKED, REQUESTED, and NACKED with the error beside the version in use; none is left when their channels have ended"
    );
    Ok(())
}

/// Waits until the client reads these resources of the first target, and what is asked for of the other one.
fn compare(reader: &Reader, resources: &[Value]) -> Result<(), Wrong> {
    let client = |scope: &str, resources: Value| json!({"scope": scope, "node": NODE, "agent": "trunkline", "resources": resources});
    let requested = json!([
        {"kind": "Listener", "name": "unknown", "state": "REQUESTED", "version": "", "error": null},
    ]);
    let expected = json!({
        "clients": [client(TARGET, resources.into()), client(UNKNOWN, requested)],
        "streamed": [true, true],
        "with_matchers": "INVALID_ARGUMENT",
        "with_excluded_contents": false,
    });
    let mut found = Value::Null;
    let compared = until("CSDS shows what the control plane sent", || {
        found = reader.read(&[])?;
        Ok(found == expected)
    });
    compared.map_err(|wrong| format!("{wrong}\nexpected {expected}\nfound    {found}"))?;
    Ok(())
}
