//! Retries and hedging by a service config: what each does about a backend that fails, and about one that
//! is slow.
//!
//! The backends and the network are simulated, so the example needs neither and runs in no time:
//! `cargo run -p trunkline --example retry`.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::{Channel, Code};
use trunkline_sim::{CallReply, Sim};
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};

/// Up to 4 attempts of each method, with delays of about 100 ms, 200 ms and 400 ms.
const RETRY: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// Up to 3 attempts, the next one whenever 50 ms have passed without an answer.
const HEDGE: &str = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {
    "maxAttempts": 3, "hedgingDelay": "0.05s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let failure = CallReply::Status {
        code: Code::Unavailable.number().into(),
        message: "restarting".to_owned(),
    };
    let failing = [failure.clone(), failure];
    let slow = [CallReply::Echo.after(Duration::from_secs(2))];
    for (name, config) in [("no policy", "{}"), ("retry", RETRY), ("hedging", HEDGE)] {
        println!("{name}:");
        println!("  two failures: {}", call(config, &failing)?);
        println!("  a slow answer: {}", call(config, &slow)?);
    }
    Ok(())
}

/// Makes one call to a backend that gives these replies to its first attempts, and echoes the others.
fn call(config: &str, replies: &[CallReply]) -> Result<String, Box<dyn std::error::Error>> {
    let sim = Sim::new(1);
    let backend = sim.backend("192.0.2.1:50051".parse::<SocketAddr>()?);
    for reply in replies {
        backend.push_reply(reply.clone());
    }
    let channel = Channel::builder("ipv4:192.0.2.1:50051")
        .plaintext()
        .default_service_config(config)
        .runtime(sim.runtime())
        .build()?;
    let name = "again".to_owned();
    let result = sim.run(GreeterClient::new(channel).say_hello(HelloRequest { name }));
    let result = match result {
        Ok(_) => "OK".to_owned(),
        Err(status) => format!("{:?}, {}", status.code(), status.message()),
    };
    let received = backend.received();
    let previous = received
        .iter()
        .filter_map(|attempt| attempt.headers.get("grpc-previous-rpc-attempts"))
        .collect::<Vec<_>>();
    Ok(format!(
        "{result} after {:?}; attempts: {}, grpc-previous-rpc-attempts: {previous:?}",
        sim.elapsed(),
        backend.calls(),
    ))
}
