//! The lookups of the resolver.

use trunkline_channel::Channel;
use trunkline_resolver::DnsOptions;
use trunkline_sim::Sim;
use trunkline_sim::dns::Data;
use trunkline_status::Code;
use trunkline_telemetry::instruments;

use crate::world::{GET, address, backend, call, measured_with, only};

/// Each lookup is counted with its outcome, and its time is measured.
#[test]
fn lookups_are_counted() {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let mut server_address = address(53);
    server_address.set_port(53);
    let server = sim.dns_server(server_address);
    let channel = Channel::builder("dns:///orders.test:50051")
        .dns(DnsOptions::default().with_servers(vec![server_address]))
        .plaintext()
        .runtime(sim.runtime());
    let options = only(&[&instruments::LOOKUPS, &instruments::LOOKUP_DURATION]);
    let (channel, sink) = measured_with(channel, options);
    let labels = |outcome: &str| {
        let target = "grpc.target=dns:///orders.test:50051";
        format!("{{{target}, trunkline.resolver.outcome={outcome}}}")
    };
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Unavailable);
        assert_eq!(
            sink.lines(),
            [
                format!(
                    "trunkline.resolver.lookup.duration{} [0.002]",
                    labels("not_found")
                ),
                format!("trunkline.resolver.lookups{} 1", labels("not_found")),
            ]
        );
        server.insert("orders.test", 60, Data::A([198, 51, 100, 1].into()));
        sim.sleep(30 * crate::world::SECOND).await;
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
    });
    let found = sink.lines_of(&format!("trunkline.resolver.lookups{}", labels("complete")));
    assert_eq!(found.len(), 1, "{:?}", sink.lines());
}
