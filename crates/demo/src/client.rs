//! The client: tonic's stub over Trunkline's channel. A user's program needs no more than this.

use std::sync::Arc;
use std::time::Duration;

use trunkline::resolver::AddressFamilies;
use trunkline::{Channel, DnsOptions, PeerAddr, Proxy, Runtime};
use trunkline_testkit::load::Call;
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::args::Sabotage;

/// The deadline of a call: far longer than a call takes, so that a call can wait for a connection.
const DEADLINE: Duration = Duration::from_secs(5);

/// Builds the channel to `target`. `sabotage` can change its DNS options.
pub(crate) fn channel(
    target: &str,
    runtime: Arc<dyn Runtime>,
    sabotage: Option<Sabotage>,
) -> Result<Channel, trunkline::BuildError> {
    let mut dns = DnsOptions::default();
    // One second, so that the demo is short. The default is 30, which spares real DNS servers.
    dns.pacing.min_interval = Duration::from_secs(1);
    match sabotage {
        Some(Sabotage::Refresh) => {
            // No refresh when a TTL runs out, and none when a connection is lost.
            dns.pacing.refresh = false;
            dns.pacing.min_interval = Duration::from_secs(3600);
        }
        Some(Sabotage::Fallback) => dns.families = AddressFamilies::Ipv6Only,
        Some(Sabotage::Drain) | None => {}
    }
    Channel::builder(target)
        .default_service_config(r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#)
        .plaintext()
        .proxy(Proxy::none())
        .runtime(runtime)
        .dns(dns)
        .build()
}

/// Makes a function that makes a call over `channel` and checks the reply.
pub(crate) fn greet(channel: Channel) -> Call {
    let greeter = GreeterClient::new(channel);
    Box::new(move |number| {
        let mut greeter = greeter.clone();
        Box::pin(async move {
            let name = format!("caller {number}");
            let mut request = tonic::Request::new(HelloRequest { name });
            request.set_timeout(DEADLINE);
            let response = greeter
                .say_hello(request)
                .await
                .map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
            let expected = format!("Hello caller {number}");
            if response.get_ref().message != expected {
                return Err("the reply to another call".to_owned());
            }
            match response.extensions().get::<PeerAddr>() {
                Some(PeerAddr::Ip(peer)) => Ok(*peer),
                other => Err(format!("answered by {other:?}, which is no IP address")),
            }
        })
    })
}
