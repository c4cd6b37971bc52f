//! The labels of backends: `grpc.lb.locality` of
//! [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md), and
//! `grpc.lb.backend_service` of
//! [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::select;
use trunkline_channel::{
    AttemptEnded, CallStarted, Channel, ChannelBuilder, ChannelEvent, ChannelIdentity, Observer,
    ObserverFactory,
};
use trunkline_endpoint::{Attributes, BackendService, Endpoint, Locality};
use trunkline_resolver::StaticFactory;
use trunkline_sim::{BackendOptions, CallReply, Sim};
use trunkline_status::Code;
use trunkline_telemetry::testing::RecordingSink;
use trunkline_telemetry::{Instrument, LabelKey, Metrics, MetricsOptions, instruments};

use crate::world::{GET, SECOND, address, backend, call, call_within, measured_with, only};

/// Returns the builder of a channel with round_robin to two hosts: the first has a locality and a
/// service, the second has neither.
pub(crate) fn builder(sim: &Sim) -> ChannelBuilder {
    for host in [1, 2] {
        backend(sim, host);
    }
    to_endpoints(sim, vec![labelled(1), Endpoint::new([address(2)])])
}

/// Returns the endpoint of a host, with a locality and a service.
fn labelled(host: u8) -> Endpoint {
    let labels = Attributes::new()
        .with::<Locality>("north".into())
        .with::<BackendService>("orders-v2".into());
    Endpoint::new([address(host)]).with_attributes(labels)
}

fn to_endpoints(sim: &Sim, endpoints: Vec<Endpoint>) -> ChannelBuilder {
    Channel::builder("inventory:orders")
        .resolver(StaticFactory::from_endpoints("inventory", endpoints))
        .default_service_config(r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#)
        .plaintext()
        .runtime(sim.runtime())
}

fn options(instrument: &'static Instrument) -> MetricsOptions {
    only(&[instrument])
        .with_optional_label(LabelKey::LOCALITY)
        .with_optional_label(LabelKey::BACKEND_SERVICE)
}

/// Returns the line of the sizes of attempts with these labels.
fn sent(status: &str, locality: &str, service: &str, sizes: &str) -> String {
    format!(
        "grpc.client.attempt.sent_total_compressed_message_size{{grpc.method=orders.Orders/Get, \
         grpc.target=inventory:///orders, grpc.status={status}, grpc.lb.locality={locality}, \
         grpc.lb.backend_service={service}}} [{sizes}]"
    )
}

/// Connects to both hosts, and returns the lines of this many calls that are answered, and of one after both
/// hosts have died.
fn lines_of_calls(
    sim: &Sim,
    channel: &Channel,
    sink: &RecordingSink,
    answered: usize,
) -> Vec<String> {
    sim.run(async {
        assert_eq!(call(channel, GET, b"hello").await, Code::Ok);
        sim.sleep(SECOND).await;
        sink.clear();
        for _ in 0..answered {
            assert_eq!(call(channel, GET, b"hello").await, Code::Ok);
        }
        sim.net().kill(address(1).ip());
        sim.net().kill(address(2).ip());
        sim.sleep(SECOND).await;
        assert_eq!(call(channel, GET, b"hello").await, Code::Unavailable);
    });
    sink.lines()
}

/// Connections have the labels of their backend. "The empty string if the resolver attribute is unset."
#[test]
fn connections_have_the_labels_of_their_backend() {
    let sim = Sim::new(1);
    let options = options(&instruments::OPEN_CONNECTIONS);
    let (channel, sink) = measured_with(builder(&sim), options);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        sim.sleep(SECOND).await;
    });
    let open = "grpc.subchannel.open_connections{grpc.target=inventory:///orders";
    assert_eq!(
        sink.lines(),
        [
            format!("{open}, grpc.lb.backend_service=, grpc.lb.locality=}} 1"),
            format!("{open}, grpc.lb.backend_service=orders-v2, grpc.lb.locality=north}} 1"),
        ]
    );
}

/// The end of an attempt has the labels of the backend that it was sent to. An attempt that was sent to
/// none has empty ones.
#[test]
fn attempts_have_the_labels_of_their_backend() {
    let sim = Sim::new(1);
    let options = options(&instruments::ATTEMPT_SENT);
    let (channel, sink) = measured_with(builder(&sim), options);
    assert_eq!(
        lines_of_calls(&sim, &channel, &sink, 4),
        [
            sent("OK", "", "", "5, 5"),
            sent("OK", "north", "orders-v2", "5, 5"),
            sent("UNAVAILABLE", "", "", "0"),
        ]
    );
}

/// An attempt for which a backend was picked has the labels of that, also if it is never sent because its
/// deadline passes in line.
#[test]
fn attempts_in_line_have_the_labels_of_their_backend() {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(1));
    backend.set_reply(CallReply::Never);
    let options = options(&instruments::ATTEMPT_SENT);
    let (channel, sink) = measured_with(to_endpoints(&sim, vec![labelled(1)]), options);
    sim.run(async {
        let first = Box::pin(call(&channel, GET, b"hello"));
        let _first = select(first, Box::pin(sim.sleep(SECOND))).await;
        let code = call_within(&channel, GET, b"hello", Some("100m")).await;
        assert_eq!(code, Code::DeadlineExceeded);
        let expected = [sent("DEADLINE_EXCEEDED", "north", "orders-v2", "0")];
        assert_eq!(sink.lines(), expected);
    });
}

/// A resolver that makes up very many localities does not make as many series: 64 for each method, and
/// `other`.
#[test]
fn labels_over_the_limit_are_other() {
    let sim = Sim::new(1);
    let endpoint = |host: u8| {
        backend(&sim, host);
        let locality = Attributes::new().with::<Locality>(format!("zone {host}").into());
        Endpoint::new([address(host)]).with_attributes(locality)
    };
    let endpoints: Vec<Endpoint> = (1..=70).map(endpoint).collect();
    let channel = to_endpoints(&sim, endpoints);
    let options = only(&[&instruments::ATTEMPT_SENT]).with_optional_label(LabelKey::LOCALITY);
    let (channel, sink) = measured_with(channel, options);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        sim.sleep(SECOND).await;
        sink.clear();
        for _ in 0..140 {
            assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        }
    });
    let lines = sink.lines();
    let of_zones = lines.iter().filter(|line| line.ends_with("} [0, 0]"));
    let of_others = lines.iter().filter(|line| line.contains("locality=other}"));
    assert_eq!((of_zones.count(), of_others.count()), (64, 1), "{lines:?}");
}

/// The metrics of channels whose pickers name a service with each pick that chooses no backend.
#[derive(Clone, Debug)]
struct WithNamingPicker(Metrics);

#[derive(Debug)]
struct NamingObserver(Arc<dyn Observer>);

impl ObserverFactory for WithNamingPicker {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let inner = self.0.observer_for(channel)?;
        Some(Arc::new(NamingObserver(inner)))
    }
}

impl Observer for NamingObserver {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.0.observe(event, at);
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        self.0.call_started(call);
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let service = Arc::from("orders-v2");
        let mut attempt = *attempt;
        attempt.backend_service = Some(&service);
        self.0.attempt_ended(&attempt);
    }
}

/// "This allows metrics for DEADLINE_EXCEEDED and UNAVAILABLE failures to include a relevant backend
/// service" (gRFC A89). The label of an attempt that was sent is that of its backend.
#[test]
fn attempts_that_are_not_sent_have_the_service_of_their_pick() {
    let sim = Sim::new(1);
    let sink = RecordingSink::new();
    let options = options(&instruments::ATTEMPT_SENT);
    let metrics = Metrics::new(sink.clone()).with_options(options);
    let channel = builder(&sim).telemetry(WithNamingPicker(metrics)).build();
    let channel = channel.expect("a valid target");
    assert_eq!(
        lines_of_calls(&sim, &channel, &sink, 2),
        [
            sent("OK", "", "", "5"),
            sent("OK", "north", "orders-v2", "5"),
            sent("UNAVAILABLE", "", "orders-v2", "0"),
        ]
    );
}
