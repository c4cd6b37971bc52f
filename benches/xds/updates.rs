//! Updates of one endpoint, for two clients at the same time.

use std::env;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::ROLE;
use crate::cpu;
use crate::side::Side;

const TARGET: &str = "xds:///orders";

/// The clients of each address.
const CLIENTS: u64 = 2;

/// How long, and how often, both clients are asked for: 6,000 connections take some seconds.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: u32 = 6_000;

/// The time after a round in which the clients finish what is not needed for the connection: to free memory,
/// for example.
const REST: Duration = Duration::from_millis(500);

/// Measures rounds of updates. Returns the CPU time of an update in milliseconds, an entry for each round: ours,
/// and grpc-go's.
pub(crate) fn measure(
    program: &Path,
    endpoints: usize,
    rounds: usize,
    updates: usize,
) -> Vec<Vec<f64>> {
    let mut world = World::start(program, endpoints);
    // The first update of a process does what no other does.
    world.update();
    let mut costs = vec![Vec::new(), Vec::new()];
    for _ in 0..rounds {
        rest(REST);
        let before = world.times();
        for _ in 0..updates {
            world.update();
        }
        rest(REST);
        for ((costs, before), after) in costs.iter_mut().zip(before).zip(world.times()) {
            costs.push((after - before).as_secs_f64() * 1e3 / updates as f64);
        }
    }
    costs
}

/// The processes.
struct World {
    plane: Side,
    backend: Side,
    own: Side,
    theirs: Side,
    /// The addresses of the endpoints.
    endpoints: Vec<String>,
    /// An address that is none of them.
    spare: String,
    /// The endpoint that changes next.
    next: usize,
}

impl World {
    fn start(program: &Path, endpoints: usize) -> Self {
        let side = |args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args);
            command
        };
        let count = (endpoints + 1).to_string();
        let args = ["backend", "-listen", "127.0.0.1:0", "-count", &count];
        let backend = Side::start("the backend", side(&args));
        let addresses = backend.ready["addresses"].as_array().expect("addresses");
        let address = |value: &Value| value.as_str().expect("an address").to_owned();
        let mut addresses: Vec<String> = addresses.iter().map(address).collect();
        let spare = addresses.pop().expect("an address");

        let mut plane = Side::start("go-control-plane", side(&["plane"]));
        let resources = [listener(), routes(), cluster(), assignment(&addresses)];
        plane.ask(&json!({"command": "set", "resources": resources}));

        let bootstrap = json!({
            "xds_servers": [{
                "server_uri": plane.ready["address"],
                "channel_creds": [{"type": "insecure"}],
            }],
            "node": {"id": "bench"},
        });
        let with_bootstrap = |mut command: Command| {
            command.env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.to_string());
            command
        };
        let mut own = Command::new(env::current_exe().expect("this program"));
        own.env(ROLE, TARGET);
        let own = Side::start("our client", with_bootstrap(own));
        let theirs = with_bootstrap(side(&["client", TARGET]));
        let mut theirs = Side::start("grpc-go's client", theirs);
        // It connects with its first call.
        let method = "/grpc.testing.TestService/EmptyCall";
        theirs.ask(&json!({"command": "call", "method": method, "count": 1, "timeout": 60}));
        let mut world = Self {
            plane,
            backend,
            own,
            theirs,
            endpoints: addresses,
            spare,
            next: 0,
        };
        world.wait_for("", CLIENTS * endpoints as u64);
        world
    }

    /// Replaces one endpoint, and waits until both clients have left its address and use the other one.
    fn update(&mut self) {
        let old = std::mem::replace(&mut self.endpoints[self.next], self.spare.clone());
        self.next = (self.next + 1) % self.endpoints.len();
        let new = std::mem::replace(&mut self.spare, old.clone());
        let resources = [assignment(&self.endpoints)];
        self.plane
            .ask(&json!({"command": "set", "resources": resources}));
        self.wait_for(&new, CLIENTS);
        self.wait_for(&old, 0);
    }

    /// Waits until an address has so many connections; all addresses, if it is empty.
    fn wait_for(&mut self, address: &str, connections: u64) {
        let mut open = None;
        for _ in 0..TRIES {
            let answer = self
                .backend
                .ask(&json!({"command": "open", "address": address}));
            open = answer["open"].as_u64();
            if open == Some(connections) {
                return;
            }
            rest(PAUSE);
        }
        panic!("{open:?} connections to {address:?}, not {connections}");
    }

    /// Returns the CPU times of the clients until now: ours, then grpc-go's.
    fn times(&self) -> [Duration; 2] {
        [&self.own, &self.theirs].map(|side| cpu::time_of(side.id()))
    }
}

/// Waits. A spurious wake-up makes it shorter, which is harmless.
fn rest(time: Duration) {
    thread::park_timeout(time);
}

fn listener() -> Value {
    let filters = "type.googleapis.com/envoy.extensions.filters";
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "orders",
        "api_listener": {"api_listener": {
            "@type": format!("{filters}.network.http_connection_manager.v3.HttpConnectionManager"),
            "rds": {"route_config_name": "routes", "config_source": {"ads": {}}},
            "http_filters": [{
                "name": "router",
                "typed_config": {"@type": format!("{filters}.http.router.v3.Router")},
            }],
        }},
    })
}

fn routes() -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "routes",
        "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{"match": {"prefix": ""}, "route": {"cluster": "a"}}],
        }],
    })
}

fn cluster() -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": "a",
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"ads": {}}},
        "lb_policy": "ROUND_ROBIN",
    })
}

fn assignment(addresses: &[String]) -> Value {
    let endpoint = |address: &String| {
        let (ip, port) = address.rsplit_once(':').expect("an address with a port");
        let port: u16 = port.parse().expect("a port");
        let address = json!({"socket_address": {"address": ip, "port_value": port}});
        json!({"endpoint": {"address": address}})
    };
    json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "a",
        "endpoints": [{
            "locality": {"region": "here", "zone": "z1"},
            "load_balancing_weight": 1,
            "lb_endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
        }],
    })
}
