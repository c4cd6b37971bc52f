//! Calls go only to backends that report that they serve: client-side health checks.
//!
//! In production the owner of the service publishes the service config, and the program has no line
//! about it. Here the network is a simulated one, so that the example needs no servers:
//! `cargo run --example health`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tonic::{Request, Response, Status, async_trait};
use trunkline::http;
use trunkline::lb::PolicyRegistry;
use trunkline::serde_json::json;
use trunkline::service_config::ServiceConfig;
use trunkline::tower_service::Service;
use trunkline::{Channel, ChannelEvent, Observer};
use trunkline_sim::{IncomingBody, Sim};
use trunkline_testkit::proto::health::health_check_response::ServingStatus;
use trunkline_testkit::proto::health::health_server::{Health, HealthServer};
use trunkline_testkit::proto::health::{HealthCheckRequest, HealthCheckResponse};
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

/// The service whose health decides.
const SERVICE: &str = "helloworld.Greeter";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::new(1);
    let blue = start(&sim, "192.0.2.1:50051".parse()?, "blue");
    let green = start(&sim, "192.0.2.2:50051".parse()?, "green");

    // The service config that the owner of the service publishes. `.health_check(SERVICE)` of the
    // channel's builder would do the same for this one program.
    let config = ServiceConfig::builder()
        .policy("round_robin", json!({}))
        .health_check(SERVICE)
        .build(&PolicyRegistry::standard())?;
    let channel = Channel::builder("ipv4:192.0.2.1:50051,192.0.2.2:50051")
        .default_service_config(config.to_json())
        .observer(PrintHealth)
        .plaintext()
        .runtime(sim.runtime())
        .build()?;
    let mut greeter = GreeterClient::new(channel);

    sim.run(async {
        println!("both serve: {}", answers(&mut greeter).await?);

        // The backend keeps its connection, and gets no calls.
        blue.send_replace(ServingStatus::NotServing);
        sim.sleep(Duration::from_secs(1)).await;
        println!("blue does not: {}", answers(&mut greeter).await?);

        blue.send_replace(ServingStatus::Serving);
        green.send_replace(ServingStatus::NotServing);
        sim.sleep(Duration::from_secs(1)).await;
        println!("green does not: {}", answers(&mut greeter).await?);

        blue.send_replace(ServingStatus::NotServing);
        sim.sleep(Duration::from_secs(1)).await;
        let error = answers(&mut greeter).await.expect_err("no backend serves");
        println!("neither does: {}", error.message());
        Ok(())
    })
}

/// Makes four calls, and returns the names of the backends that answered, sorted.
async fn answers(greeter: &mut GreeterClient<Channel>) -> Result<String, Status> {
    let mut answers = Vec::new();
    for _ in 0..4 {
        let reply = greeter.say_hello(HelloRequest::default()).await?;
        answers.push(reply.into_inner().message);
    }
    answers.sort();
    Ok(answers.join(" "))
}

/// Prints what the channel knows of the health of each backend. A backend without a health service
/// counts as healthy; that is worth a warning.
#[derive(Debug)]
struct PrintHealth;

impl Observer for PrintHealth {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Health {
            address, health, ..
        } = event
        {
            println!("  {address}: {health}");
        }
    }
}

/// Starts a backend with a health service. Returns the handle with which its health changes.
fn start(sim: &Sim, address: SocketAddr, name: &'static str) -> watch::Sender<ServingStatus> {
    let (health, changes) = watch::channel(ServingStatus::Serving);
    sim.serve(
        address,
        Backend {
            greeter: GreeterServer::new(Named(name)),
            health: HealthServer::from_arc(Arc::new(Reported(changes))),
        },
    );
    health
}

/// The two services of a backend.
#[derive(Clone)]
struct Backend {
    greeter: GreeterServer<Named>,
    health: HealthServer<Reported>,
}

impl Service<http::Request<IncomingBody>> for Backend {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<IncomingBody>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.health.v1.Health/") {
            Box::pin(self.health.call(request))
        } else {
            Box::pin(self.greeter.call(request))
        }
    }
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

/// Reports the health of the one service.
struct Reported(watch::Receiver<ServingStatus>);

#[async_trait]
impl Health for Reported {
    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(response(*self.0.borrow())))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if request.get_ref().service != SERVICE {
            let unknown = stream::iter([Ok(response(ServingStatus::ServiceUnknown))]);
            return Ok(Response::new(unknown.chain(stream::pending()).boxed()));
        }
        let mut changes = self.0.clone();
        changes.mark_changed();
        let updates = stream::unfold(changes, |mut changes| async move {
            changes.changed().await.ok()?;
            let update = response(*changes.borrow_and_update());
            Some((Ok(update), changes))
        });
        Ok(Response::new(updates.boxed()))
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
