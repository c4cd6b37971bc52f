//! A custom resolver whose endpoints each have an IPv4 and an IPv6 address.
//!
//! A and AAAA records do not show which addresses belong to the same backend, so a backend with two
//! addresses gets two shares of the load. A custom resolver can group them: here from a list of
//! ports, in production from the API of the system that places the backends.
//! `cargo run --example dual_stack_resolver -- 5001 5002` calls greeters on these ports
//! (`cargo run -p trunkline-demo --bin backend -- --port=5001` starts one).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use trunkline::{AttributeKey, Attributes, Channel, Endpoint, PeerAddr, Resolution, ResolveError};
use trunkline::{Resolver, ResolverFactory, ResolverOptions, target::Target};
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};

/// The zone in which a backend runs: printed with the endpoint, and readable by policies.
#[derive(Debug)]
pub enum Zone {}

impl AttributeKey for Zone {
    type Value = String;
    const NAME: &'static str = "zone";
    const IDENTIFIES_CONNECTION: bool = false; // a new zone does not cause a reconnect
}

/// Resolves every target of the scheme `inventory` to the same backends.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The port of each backend, on both loopback addresses.
    pub ports: Vec<u16>,
}

impl ResolverFactory for Inventory {
    fn scheme(&self) -> &str {
        "inventory"
    }

    fn build(&self, _: &Target, _: &ResolverOptions) -> Result<Box<dyn Resolver>, ResolveError> {
        let endpoints: Vec<Endpoint> = self.ports.iter().map(|&port| backend(port)).collect();
        let round_robin = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;
        let found = Resolution::new(endpoints).with_service_config(round_robin);
        Ok(Box::new(Once(Some(found))))
    }
}

/// Returns the endpoint of a backend: two addresses, one share of the load.
fn backend(port: u16) -> Endpoint {
    let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let ipv4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let attributes = Attributes::new().with::<Zone>(format!("zone-{}", port % 3));
    Endpoint::new([ipv6, ipv4]).with_attributes(attributes)
}

/// A resolver that returns its list once. One that watches for changes would keep the context's waker
/// and wake it when there is a new list.
#[derive(Debug)]
struct Once(Option<Resolution>);

impl Resolver for Once {
    fn poll_resolution(&mut self, _: &mut Context<'_>) -> Poll<Resolution> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports = std::env::args().skip(1).map(|port| port.parse());
    let ports = ports.collect::<Result<Vec<_>, _>>()?;
    let calls = 5 * ports.len();
    let builder = Channel::builder("inventory:greeter").resolver(Inventory { ports });
    let mut greeter = GreeterClient::new(builder.plaintext().build()?);
    async_std::task::block_on(async {
        for _ in 0..calls {
            let response = greeter
                .say_hello(HelloRequest { name: "you".into() })
                .await?;
            println!("{:?}", response.extensions().get::<PeerAddr>());
        }
        Ok(())
    })
}
