//! A policy of your own, part 2: a parent, which chooses among other policies by a header of the call.
//!
//! `lanes/policy.rs` is complete and small; copy it. Its tests are in `tests/e2e/custom_policies.rs`. A leaf, which
//! chooses among endpoints, is the example `warm_up`. The network is a simulated one:
//! `cargo run -p trunkline --example lanes`.

#[path = "lanes/policy.rs"]
mod policy;

use std::net::SocketAddr;

use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, async_trait};
use trunkline::lb::HierarchyPath;
use trunkline::{Attributes, Channel, Endpoint, StaticFactory};
use trunkline_sim::Sim;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

/// The service config, as the owner of the service publishes it.
const CONFIG: &str = r#"{"loadBalancingConfig": [{"lanes": {
    "header": "x-lane",
    "default": "stable",
    "lanes": {
        "stable": [{"round_robin": {}}],
        "canary": [{"pick_first": {}}]
    }
}}]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::new(1);
    let fleet = [
        ("192.0.2.1:50051", "stable-1", None),
        ("192.0.2.2:50051", "stable-2", None),
        ("192.0.2.3:50051", "canary-1", Some("canary")),
    ];
    let mut endpoints = Vec::new();
    for (address, name, lane) in fleet {
        let address: SocketAddr = address.parse()?;
        sim.serve(address, GreeterServer::new(Named(name)));
        let mut endpoint = Endpoint::new([address]);
        if let Some(lane) = lane {
            let path = HierarchyPath::new([lane]);
            endpoint = endpoint.with_attributes(Attributes::new().with::<HierarchyPath>(path));
        }
        endpoints.push(endpoint);
    }
    let channel = Channel::builder("fleet:greeter")
        .resolver(StaticFactory::from_endpoints("fleet", endpoints))
        .policy(policy::LanesFactory)
        .default_service_config(CONFIG)
        .plaintext()
        .runtime(sim.runtime())
        .build()?;
    let mut greeter = GreeterClient::new(channel);

    sim.run(async {
        for lane in [None, None, Some("canary"), Some("no such lane")] {
            let mut request = Request::new(HelloRequest::default());
            if let Some(lane) = lane {
                let value = MetadataValue::try_from(lane)?;
                request.metadata_mut().insert("x-lane", value);
            }
            let reply = greeter.say_hello(request).await?;
            println!("{lane:?}: {}", reply.into_inner().message);
        }
        Ok(())
    })
}

/// Answers with its name.
struct Named(&'static str);

#[async_trait]
impl Greeter for Named {
    async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let message = self.0.to_owned();
        Ok(Response::new(HelloReply { message }))
    }
}
