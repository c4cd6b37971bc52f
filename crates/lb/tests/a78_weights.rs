//! [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md): what
//! weighted_round_robin reports of each update of its scheduler, and the labels of backends.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trunkline_endpoint::{Attributes, BackendLabels, BackendService, Endpoint, Locality};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    HierarchyPath, LoadReport, PickFirst, PickFirstConfig, Policy, PolicyOptions, PolicyRegistry,
    Update, WeightedRoundRobin, WeightedRoundRobinConfig, WeightedTarget, WeightedTargetName,
    WeightsUpdate,
};
use trunkline_service_config::PolicyChoice;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

/// A report that gives this weight, for a utilization of one half.
fn report(weight: f64) -> LoadReport {
    LoadReport::default()
        .with_cpu_utilization(0.5)
        .with_qps(weight / 2.0)
}

/// Weights count after 10 s and for 60 s, and the scheduler is updated each second.
fn config() -> WeightedRoundRobinConfig {
    WeightedRoundRobinConfig::default()
        .with_blackout_period(Duration::from_secs(10))
        .with_weight_expiration_period(Duration::from_secs(60))
        .with_weight_update_period(Duration::from_secs(1))
}

/// A channel whose backends at these addresses are connected, with the reports until then.
fn connected(addresses: &[&str]) -> (FakeChannel<WeightedRoundRobin>, Vec<WeightsUpdate>) {
    let options = PolicyOptions::new(1).with_weight_reports(true);
    let mut channel = FakeChannel::new(WeightedRoundRobin::new(&options)).with_config(config());
    let accepted = channel.update(&addresses.join(" "));
    accepted.expect("the policy accepts the list");
    channel.has_more = true;
    for address in addresses {
        channel.ready(address);
    }
    channel.has_more = false;
    channel.settle();
    let reports = channel.weights();
    (channel, reports)
}

/// What a report has, in the order of its fields, without the labels.
type Numbers = (bool, usize, usize, Vec<f64>);

fn numbers(reports: &[WeightsUpdate]) -> Vec<Numbers> {
    let numbers = |report: &WeightsUpdate| {
        let mut weights = report.weights.to_vec();
        weights.sort_by(f64::total_cmp);
        (
            report.is_fallback,
            report.not_yet_usable,
            report.stale,
            weights,
        )
    };
    reports.iter().map(numbers).collect()
}

/// "Number of scheduler updates in which there were not enough endpoints with valid weight, which caused
/// the WRR policy to fall back to RR behavior": with one endpoint, whatever its weight, and with two
/// that have none. One report for each update. (`TestWRR_Metrics_Scheduler_RR_Fallback` of grpc-go.)
#[test]
fn fallback() {
    let (mut channel, reports) = connected(&[A]);
    assert_eq!(numbers(&reports), [(true, 1, 0, vec![0.0])]);
    // A scheduler for one endpoint is never updated.
    channel.report_load(A, &report(3.0));
    channel.advance_millis(30_000);
    assert_eq!(channel.weights(), []);

    let (_, reports) = connected(&[A, B]);
    assert_eq!(numbers(&reports), [(true, 2, 0, vec![0.0, 0.0])]);
}

/// The cases of `TestWRR_Metrics_SubConnWeight` of grpc-go, in one life of an endpoint: no weight; in the
/// blackout period; a weight; expired, which comes before the blackout; in the blackout period again. An
/// endpoint without a usable weight has the weight 0.
#[test]
fn states_of_a_weight() {
    let (mut channel, reports) = connected(&[A, B, C]);
    assert_eq!(numbers(&reports), [(true, 3, 0, vec![0.0; 3])]);
    for address in [A, B] {
        channel.report_load(address, &report(3.0));
    }
    channel.advance_millis(1000);
    let blackout = (true, 3, 0, vec![0.0; 3]);
    assert_eq!(numbers(&channel.weights()), std::slice::from_ref(&blackout));

    channel.advance_millis(8000);
    assert_eq!(numbers(&channel.weights()), vec![blackout; 8]);
    channel.report_load(A, &report(5.0));
    channel.advance_millis(1000);
    let usable = (false, 1, 0, vec![0.0, 3.0, 5.0]);
    assert_eq!(numbers(&channel.weights()), std::slice::from_ref(&usable));

    // The report of B is 60 s old, that of A 51 s.
    channel.advance_millis(49_000);
    assert_eq!(numbers(&channel.weights()), vec![usable; 49]);
    channel.advance_millis(1000);
    let expired = (true, 1, 1, vec![0.0, 0.0, 5.0]);
    assert_eq!(numbers(&channel.weights()), [expired]);

    channel.report_load(B, &report(4.0));
    channel.advance_millis(1000);
    let blackout = (true, 2, 0, vec![0.0, 0.0, 5.0]);
    assert_eq!(numbers(&channel.weights()), [blackout]);
}

/// An update of the scheduler is each new set of ready endpoints too, and a new configuration; none
/// while no endpoint is ready. A batch of events is one.
#[test]
fn updates() {
    let (mut channel, _) = connected(&[A, B]);
    channel.idle(B);
    assert_eq!(numbers(&channel.weights()), [(true, 1, 0, vec![0.0])]);
    channel.idle(A);
    channel.advance_millis(10_000);
    assert_eq!(channel.weights(), []);
    channel.ready(A);
    assert_eq!(channel.weights().len(), 1);
    channel.set_config(Arc::new(config().with_blackout_period(Duration::ZERO)));
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.weights().len(), 1);
    // The same list changes nothing.
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.weights(), []);
}

/// Reports cost nothing where nothing reads them: they are off by default.
#[test]
fn off() {
    let options = PolicyOptions::new(1);
    let mut channel = FakeChannel::new(WeightedRoundRobin::new(&options)).with_config(config());
    channel.update(A).expect("the policy accepts the list");
    channel.ready(A);
    assert_eq!(channel.weights(), []);
}

/// "This will be set to the resolver attribute passed down from the `weighted_target` policy." gRFC A89
/// adds the backend service, which is not limited to xDS.
#[test]
fn labels() {
    let registry = PolicyRegistry::standard();
    let child = json!([{ "weighted_round_robin": {} }]);
    let config = json!([{ "weighted_target_experimental": { "targets": {
        "eu": { "weight": 1, "childPolicy": child },
    } } }]);
    let config = PolicyChoice::parse(&config, &registry).expect("a valid config");
    let options = PolicyOptions::new(1)
        .with_policies(registry)
        .with_weight_reports(true);
    let mut channel = FakeChannel::new(WeightedTarget::new(&options));
    let path = HierarchyPath::new(["eu"]);
    let of_endpoint = Attributes::new().with::<HierarchyPath>(path);
    let list = endpoints(A);
    let list = list
        .into_iter()
        .map(|endpoint| endpoint.with_attributes(of_endpoint.clone()));
    let attributes = Attributes::new().with::<BackendService>("orders".into());
    let list: Vec<Endpoint> = list.collect();
    let update = Update::new(list, config.config).with_attributes(attributes);
    channel
        .event(|policy, control| policy.handle_update(update, control))
        .expect("the policy accepts the list");
    let expected = BackendLabels::of(
        &Attributes::new()
            .with::<Locality>("eu".into())
            .with::<BackendService>("orders".into()),
    );
    // The subchannel has them too: gRFC A94.
    let address = &channel.subchannels[&channel.id(A)].address;
    assert_eq!(BackendLabels::of(address.attributes()), expected);
    channel.ready(A);
    let reports = channel.weights();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].labels, expected);
}

/// gRFC A94: the labels of a subchannel are those of its address, else of its endpoint, else of the policy
/// that got the list. They do not identify a connection: a new label keeps the connection.
#[test]
fn labels_of_subchannels() {
    let list = |locality: &str| -> Vec<Endpoint> {
        let of_address = Attributes::new().with::<Locality>("of the address".into());
        let of_endpoint = Attributes::new().with::<Locality>(locality.into());
        let mut list = endpoints("10.0.0.1:443|10.0.0.2:443 10.0.0.3:443");
        let first = &list[0];
        let addresses = first.addresses().iter().enumerate();
        let addresses = addresses.map(|(at, address)| {
            if at == 1 {
                address.clone().with_attributes(of_address.clone())
            } else {
                address.clone()
            }
        });
        list[0] = Endpoint::new(addresses).with_attributes(of_endpoint);
        list
    };
    let mut channel = FakeChannel::new(PickFirst::new(&PolicyOptions::new(1)));
    let update = |channel: &mut FakeChannel<PickFirst>, locality| {
        let config = Arc::new(PickFirstConfig::default());
        let attributes = Attributes::new()
            .with::<WeightedTargetName>("of all".into())
            .with::<BackendService>("orders".into());
        let update = Update::new(list(locality), config).with_attributes(attributes);
        let accepted = channel.event(|policy, control| policy.handle_update(update, control));
        accepted.expect("the policy accepts the list");
    };
    update(&mut channel, "of the endpoint");
    channel.fail(A);
    channel.fail(B);
    let labels = |channel: &FakeChannel<PickFirst>, address| {
        let address = &channel.subchannels[&channel.id(address)].address;
        let labels = BackendLabels::of(address.attributes());
        (
            labels.locality.expect("a locality").to_string(),
            labels.backend_service.expect("a service").to_string(),
        )
    };
    let check = |channel: &FakeChannel<PickFirst>, address, locality: &str| {
        let expected = (locality.to_owned(), "orders".to_owned());
        assert_eq!(labels(channel, address), expected);
    };
    check(&channel, A, "of the endpoint");
    check(&channel, B, "of the address");
    check(&channel, C, "of all");

    channel.ready(C);
    let id = channel.id(C);
    update(&mut channel, "another one");
    assert_eq!(channel.id(C), id);
}
