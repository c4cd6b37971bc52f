//! A policy of your own, part 1: a leaf, which chooses among endpoints.
//!
//! `warm_up/policy.rs` is complete and small; copy it. Its tests are in `tests/e2e/custom_policies.rs`. A parent,
//! which chooses among other policies, is the example `lanes`. The network is a simulated one:
//! `cargo run -p trunkline --example warm_up`.

#[path = "warm_up/policy.rs"]
mod policy;

use std::net::SocketAddr;
use std::time::Duration;

use tonic::{Request, Response, Status, async_trait};
use trunkline::{Channel, Endpoint, ManualResolver, Resolution};
use trunkline_sim::Sim;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::new(1);
    let blue: SocketAddr = "192.0.2.1:50051".parse()?;
    let green: SocketAddr = "192.0.2.2:50051".parse()?;
    sim.serve(blue, GreeterServer::new(Named("blue")));
    sim.serve(green, GreeterServer::new(Named("green")));

    let fleet = ManualResolver::new("fleet");
    let channel = Channel::builder("fleet:greeter")
        .resolver(fleet.clone())
        .policy(policy::WarmUpFactory)
        .default_service_config(r#"{"loadBalancingConfig": [{"warm_up": {"window": "60s"}}]}"#)
        .plaintext()
        .runtime(sim.runtime())
        .build()?;
    let mut greeter = GreeterClient::new(channel);
    let list = |addresses: &[SocketAddr]| {
        let endpoints = addresses.iter().map(|address| Endpoint::new([*address]));
        Resolution::new(endpoints.collect::<Vec<_>>())
    };

    sim.run(async {
        drop(fleet.update(list(&[blue])));
        greeter.say_hello(HelloRequest::default()).await?;
        sim.sleep(Duration::from_secs(60)).await;
        println!("blue is warm, and green starts");
        drop(fleet.update(list(&[blue, green])));
        sim.sleep(Duration::from_secs(1)).await;
        for _ in 0..4 {
            let share = share_of("green", &mut greeter).await?;
            println!("green gets {share} of 1000 calls");
            sim.sleep(Duration::from_secs(20)).await;
        }
        Ok(())
    })
}

/// Makes 1000 calls, and returns how many of them this backend answered.
async fn share_of(name: &str, greeter: &mut GreeterClient<Channel>) -> Result<usize, Status> {
    let mut share = 0;
    for _ in 0..1000 {
        let reply = greeter.say_hello(HelloRequest::default()).await?;
        share += usize::from(reply.into_inner().message == name);
    }
    Ok(share)
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
