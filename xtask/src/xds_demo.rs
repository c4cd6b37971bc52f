//! A control plane that serves a file, and three servers that the file names.
//!
//! The control plane is `xtask/interop/xds-demo`, on go-control-plane. The file has the listener
//! `orders`, its routes, a cluster, and the cluster's endpoints: three grpc-go servers.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::interop::build;
use crate::interop::server::{Server, logging};

/// The names of the servers.
const SERVERS: [&str; 3] = ["orders-1", "orders-2", "orders-3"];

/// Starts the control plane and the servers, and runs `command`. Without one, it serves until its
/// input ends, and reads the file again at each line of it.
pub(crate) fn run(context: &Context, command: &[String]) -> Result<(), Failure> {
    let mut demo = Demo::start(context)?;
    if let Some((program, args)) = command.split_first() {
        let run = context.program(program).args(args);
        return run.env("GRPC_XDS_BOOTSTRAP", &demo.bootstrap).attached();
    }
    println!("{}", demo.help(context));
    for line in std::io::stdin().lines() {
        line.map_err(|error| Failure::new(format!("cannot read the input: {error}")))?;
        demo.plane.send("")?;
        println!("{}", demo.plane.wait_for(SERVES)?);
    }
    Ok(())
}

/// What the control plane logs when it has read the file: the version that it serves, and what is wrong
/// with the file if that is the version of before.
const SERVES: &str = "serves version ";

/// The processes. They end when this is dropped.
struct Demo {
    plane: Server,
    servers: Vec<Server>,
    bootstrap: PathBuf,
    resources: PathBuf,
}

impl Demo {
    fn start(context: &Context) -> Result<Self, Failure> {
        let missing = |why| Failure::new(format!("cannot build the control plane: {why}"));
        let (plane, _) = build::xds_demo(context)?.map_err(missing)?;
        let (server, _) = build::grpc_go(context)?.map_err(missing)?;
        let folder = context.root.join("target/xtask/xds-demo");
        std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;

        let start = |name| Server::start(name, Command::new(&server), &folder);
        let servers = SERVERS.map(start);
        let servers = servers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();

        let resources = folder.join("resources.json");
        write(&resources, &resources_of(&addresses))?;
        let address = free_address()?;
        let bootstrap = folder.join("bootstrap.json");
        write(&bootstrap, &bootstrap_of(address))?;

        let mut command = logging(&plane);
        command.arg(address.to_string()).arg(&resources);
        let plane = Server::start_foreign("xds-demo", command, &folder, address, SERVES)?;
        Ok(Self {
            plane,
            servers,
            bootstrap,
            resources,
        })
    }

    /// Returns what to do with it.
    fn help(&self, context: &Context) -> String {
        let shown = |path: &Path| {
            let path = path.strip_prefix(&context.root).unwrap_or(path);
            path.display().to_string()
        };
        let servers = self.servers.iter();
        let servers: Vec<_> = servers.map(|server| server.address.to_string()).collect();
        format!(
            "a control plane at {}, and servers at {}\n\n\
             call them, from another terminal:\n\
             \x20   export GRPC_XDS_BOOTSTRAP={}\n\
             \x20   cargo run -p trunkline-cli -- call xds:///orders --count 9\n\n\
             change what it serves: edit {}, and press Enter here\n\
             end it: Ctrl-D",
            self.plane.address,
            servers.join(", "),
            shown(&self.bootstrap),
            shown(&self.resources),
        )
    }
}

/// Returns an address whose port was free a moment ago.
fn free_address() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|error| Failure::new(format!("no port is free on 127.0.0.1: {error}")))
}

/// Returns the bootstrap of a client.
fn bootstrap_of(plane: SocketAddr) -> Value {
    json!({
        "xds_servers": [{
            "server_uri": plane.to_string(),
            "channel_creds": [{"type": "insecure"}],
        }],
        "node": {"id": "demo"},
    })
}

/// Returns the resources that the control plane serves at first.
fn resources_of(servers: &[SocketAddr]) -> Value {
    let endpoints: Vec<_> = servers.iter().map(endpoint).collect();
    json!([
        {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": "orders",
            "api_listener": {"api_listener": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "rds": {"config_source": {"ads": {}}, "route_config_name": "orders-routes"},
                "http_filters": [{
                    "name": "router",
                    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                }],
            }},
        },
        {
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "name": "orders-routes",
            "virtual_hosts": [{
                "name": "orders",
                "domains": ["*"],
                "routes": [{"match": {"prefix": ""}, "route": {"cluster": "orders-v1"}}],
            }],
        },
        {
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": "orders-v1",
            "type": "EDS",
            "eds_cluster_config": {"eds_config": {"ads": {}}},
            "lb_policy": "ROUND_ROBIN",
        },
        {
            "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": "orders-v1",
            "endpoints": [{
                "locality": {"region": "here", "zone": "a"},
                "load_balancing_weight": 1,
                "lb_endpoints": endpoints,
            }],
        },
    ])
}

fn endpoint(address: &SocketAddr) -> Value {
    let address = json!({"address": address.ip().to_string(), "port_value": address.port()});
    json!({"endpoint": {"address": {"socket_address": address}}})
}

fn write(path: &Path, value: &Value) -> Result<(), Failure> {
    std::fs::write(path, format!("{value:#}\n")).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}
