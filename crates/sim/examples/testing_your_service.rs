//! The tests that `docs/testing-your-service.md` explains. In a project of your own, each function
//! that `main` calls is a `#[test]`.
//!
//! `cargo run -p trunkline-sim --example testing_your_service` runs them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Request, Response, Status};
use trunkline::{Channel, Runtime};
use trunkline_sim::dns::Data;
use trunkline_sim::{Backend, BackendOptions, CallReply, Sim};

// In a project of your own: `tonic::include_proto!("helloworld")`.
use trunkline_testkit::proto::helloworld;

use helloworld::greeter_client::GreeterClient;
use helloworld::greeter_server::{Greeter, GreeterServer};
use helloworld::{HelloReply, HelloRequest};

struct MyGreeter {
    runtime: Arc<dyn Runtime>,
}

impl MyGreeter {
    fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime }
    }
}

#[tonic::async_trait]
impl Greeter for MyGreeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("the name is empty"));
        }
        // In place of a lookup in a database: ten milliseconds of virtual time.
        let end = self.runtime.now() + Duration::from_millis(10);
        self.runtime.sleep_until(end).await;
        let message = format!("Hello {name}");
        Ok(Response::new(HelloReply { message }))
    }
}

/// Returns a request for a greeting.
fn hello(name: &str) -> HelloRequest {
    HelloRequest {
        name: name.to_owned(),
    }
}

/// Starts the service on a host of the simulated network.
fn serve(sim: &Sim, host: u8) -> Backend {
    let address = SocketAddr::from(([198, 51, 100, host], 50051));
    sim.serve(address, GreeterServer::new(MyGreeter::new(sim.runtime())))
}

/// Returns a client for a target, in the simulation.
fn client(sim: &Sim, target: &str) -> GreeterClient<Channel> {
    let builder = Channel::builder(target).plaintext().runtime(sim.runtime());
    let channel = builder.load_balancing("round_robin").build();
    GreeterClient::new(channel.expect("a target that can be parsed"))
}

fn five_lines() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::new(42);
    let address: SocketAddr = "198.51.100.7:50051".parse()?;
    sim.serve(address, GreeterServer::new(MyGreeter::new(sim.runtime())));
    let builder = Channel::builder("ipv4:198.51.100.7:50051").runtime(sim.runtime());
    let mut client = GreeterClient::new(builder.plaintext().build()?);
    let reply = sim.run(client.say_hello(hello("Ada")))?;
    assert_eq!(reply.into_inner().message, "Hello Ada");
    Ok(())
}

fn it_greets() {
    let sim = Sim::new(1);
    let backend = serve(&sim, 7);
    let mut client = client(&sim, "ipv4:198.51.100.7:50051");
    sim.run(async {
        let reply = client.say_hello(hello("Ada")).await.expect("a greeting");
        assert_eq!(reply.into_inner().message, "Hello Ada");
        let status = client.say_hello(hello("")).await.expect_err("no name");
        assert_eq!(status.code(), Code::InvalidArgument);
    });
    // Two milliseconds to connect, two for each call, ten in the service.
    assert_eq!(sim.elapsed(), Duration::from_millis(16));
    assert_eq!(backend.received()[0].path, "/helloworld.Greeter/SayHello");
}

fn a_lost_backend_costs_only_its_calls() {
    let sim = Sim::new(1);
    let backends = [7, 8].map(|host| serve(&sim, host));
    let mut client = client(&sim, "ipv4:198.51.100.7:50051,198.51.100.8:50051");
    sim.run(async {
        while backends.iter().any(|backend| backend.calls() == 0) {
            client.say_hello(hello("Ada")).await.expect("a greeting");
        }
        backends[0].kill();
        sim.sleep(Duration::from_millis(5)).await;
        for _ in 0..100 {
            client.say_hello(hello("Ada")).await.expect("a greeting");
        }
        backends[0].restart();
        sim.sleep(Duration::from_secs(5)).await;
        let before = backends[0].calls();
        for _ in 0..100 {
            client.say_hello(hello("Ada")).await.expect("a greeting");
        }
        assert_eq!(backends[0].calls() - before, 50);
    });
}

fn a_slow_backend_is_over_the_deadline() {
    let sim = Sim::new(1);
    let backend = serve(&sim, 7);
    let mut client = client(&sim, "ipv4:198.51.100.7:50051");
    // The first call is answered late. The second waits on a cut path.
    backend.push_reply(CallReply::Service.after(Duration::from_secs(30)));
    sim.run(async {
        for _ in 0..2 {
            let start = sim.elapsed();
            let mut request = Request::new(hello("Ada"));
            request.set_timeout(Duration::from_secs(1));
            let status = client.say_hello(request).await.expect_err("too late");
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            assert_eq!(sim.elapsed() - start, Duration::from_secs(1));
            sim.net().cut([198, 51, 100, 7]);
        }
        sim.net().heal([198, 51, 100, 7]);
        client.say_hello(hello("Ada")).await.expect("a greeting");
    });
    assert!(backend.received()[0].headers.contains_key("grpc-timeout"));
}

fn new_backends_are_found_by_dns() {
    let sim = Sim::new(1);
    let [old, new] = [7, 8].map(|host| serve(&sim, host));
    let dns = sim.dns_server("198.51.100.53:53".parse().expect("an address"));
    dns.insert("greeter.test", 5, Data::A([198, 51, 100, 7].into()));
    let mut client = client(&sim, "dns://198.51.100.53/greeter.test:50051");
    sim.run(async {
        client.say_hello(hello("Ada")).await.expect("a greeting");
        dns.remove("greeter.test");
        dns.insert("greeter.test", 5, Data::A([198, 51, 100, 8].into()));
        // The channel asks again after the TTL, but not within 30 s, and up to a tenth later.
        sim.sleep(Duration::from_secs(35)).await;
        client.say_hello(hello("Ada")).await.expect("a greeting");
    });
    assert_eq!((old.calls(), new.calls()), (1, 1));
}

fn connections_end_by_age(seed: u64) {
    let sim = Sim::new(seed);
    for host in [7, 8] {
        sim.net()
            .set_jitter([198, 51, 100, host], Duration::from_millis(20));
        let age = Duration::from_secs(1);
        serve(&sim, host).set_options(BackendOptions::default().with_max_connection_age(age));
    }
    let mut client = client(&sim, "ipv4:198.51.100.7:50051,198.51.100.8:50051");
    sim.run(async {
        while sim.elapsed() < Duration::from_secs(5) {
            if let Err(status) = client.say_hello(hello("Ada")).await {
                panic!("seed {seed}, at {:?}: {status}", sim.elapsed());
            }
        }
    });
}

fn no_call_fails_with_any_seed() {
    for seed in 0..20 {
        connections_end_by_age(seed);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    five_lines()?;
    it_greets();
    a_lost_backend_costs_only_its_calls();
    a_slow_backend_is_over_the_deadline();
    new_backends_are_found_by_dns();
    no_call_fails_with_any_seed();
    Ok(())
}
