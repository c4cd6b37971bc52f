//! [gRFC A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md): what outlier
//! detection reports of its decisions, for `grpc.lb.outlier_detection.ejections_enforced` and
//! `ejections_unenforced`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, BackendLabels, BackendService, Endpoint, Locality};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    AttemptOutcome, DetectionMethod, Ejection, GracefulSwitch, HierarchyPath, NotEjected, Policy,
    PolicyOptions, PolicyRegistry, Update,
};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_status::{Code, Status};

/// Five backends, of which the last fails.
const LIST: &str = "10.0.0.1:443 10.0.0.2:443 10.0.0.3:443 10.0.0.4:443 10.0.0.5:443";
const BAD: &str = "10.0.0.5:443";

/// The end of an interval.
const INTERVAL: u64 = 10_000;

/// A method that detects the bad backend, with a child.
fn outlier_detection(child: Value) -> Value {
    json!([{ "outlier_detection_experimental": {
        "maxEjectionPercent": 20,
        "failurePercentageEjection": { "threshold": 50, "minimumHosts": 3, "requestVolume": 10 },
        "childPolicy": child,
    } }])
}

/// A policy with this configuration, whose update has the list and these attributes, with all backends
/// connected.
fn channel(config: &Value, attributes: Attributes) -> FakeChannel<GracefulSwitch> {
    let registry = PolicyRegistry::standard();
    let config = PolicyChoice::parse(config, &registry).expect("a valid configuration");
    let config: Arc<dyn PolicyConfig> = Arc::new(config);
    let options = PolicyOptions::new(7).with_policies(registry);
    let mut channel = FakeChannel::new(GracefulSwitch::new(&options));
    let path = Attributes::new().with::<HierarchyPath>(HierarchyPath::new(["a"]));
    let list = endpoints(LIST).into_iter();
    let list: Vec<Endpoint> = list.map(|it| it.with_attributes(path.clone())).collect();
    let update = Update::new(list, config).with_attributes(attributes);
    let accepted = channel.event(|policy, control| policy.handle_update(update, control));
    accepted.expect("the policy accepts the list");
    for address in channel.addresses().split_whitespace() {
        channel.ready(address);
    }
    channel
}

/// Ends ten calls at each backend: those at `bad` fail.
fn ten_calls(channel: &FakeChannel<GracefulSwitch>, bad: &[&str]) {
    for address in channel.addresses().split_whitespace() {
        let code = if bad.contains(&address) {
            Code::Unavailable
        } else {
            Code::Ok
        };
        for _ in 0..10 {
            let status = Status::new(code, "");
            channel.end_attempt(address, AttemptOutcome::new(&status).with_sent(true));
        }
    }
}

fn enforced() -> Ejection {
    Ejection::Ejected {
        method: DetectionMethod::FailurePercentage,
        time: Duration::from_secs(30),
    }
}

fn unenforced() -> Ejection {
    Ejection::NotEjected {
        method: DetectionMethod::FailurePercentage,
        reason: NotEjected::MaxEjectionPercent,
    }
}

/// Each decision is reported once, wherever the policy is in the tree.
#[test]
fn once_in_each_tree() {
    let round_robin = json!([{ "round_robin": {} }]);
    let priority = |child: Value| {
        json!([{ "priority_experimental": {
            "children": { "a": { "config": child } },
            "priorities": ["a"],
        } }])
    };
    let weighted_target = |child: Value| {
        json!([{ "weighted_target_experimental": {
            "targets": { "a": { "weight": 1, "childPolicy": child } },
        } }])
    };
    let trees = [
        outlier_detection(round_robin.clone()),
        // gRFC A75: outlier detection above the priorities.
        outlier_detection(priority(round_robin.clone())),
        priority(outlier_detection(round_robin.clone())),
        weighted_target(outlier_detection(round_robin)),
    ];
    for tree in trees {
        let mut channel = channel(&tree, Attributes::new());
        ten_calls(&channel, &["10.0.0.4:443", BAD]);
        channel.advance_millis(INTERVAL);
        let ejections = channel.ejections();
        let (first, second) = ("10.0.0.4:443".to_owned(), BAD.to_owned());
        // One of five may be ejected.
        let expected = [(first.clone(), enforced()), (second, unenforced())];
        assert_eq!(ejections, expected, "{tree}");

        // An endpoint that is ejected already is not detected again.
        ten_calls(&channel, &["10.0.0.4:443"]);
        channel.advance_millis(INTERVAL);
        assert_eq!(channel.ejections(), [], "{tree}");
        channel.advance_millis(2 * INTERVAL);
        assert_eq!(channel.ejections(), [(first, Ejection::Returned)], "{tree}");
    }
}

/// Of two policies, one below the other, each reports its own decision: what it does to the endpoint
/// counts, whatever the other one does.
#[test]
fn two_policies_make_two_decisions() {
    let tree = outlier_detection(outlier_detection(json!([{ "round_robin": {} }])));
    let mut channel = channel(&tree, Attributes::new());
    ten_calls(&channel, &[BAD]);
    channel.advance_millis(INTERVAL);
    let decision = (BAD.to_owned(), enforced());
    assert_eq!(channel.ejections(), [decision.clone(), decision]);
}

/// "The `grpc.lb.backend_service` label will be populated based on the resolver attribute passed down from
/// the cds policy, as described in A89." One of the endpoint itself comes first.
#[test]
fn labels() {
    let tree = outlier_detection(json!([{ "round_robin": {} }]));
    let attributes = Attributes::new().with::<BackendService>("orders".into());
    let mut channel = channel(&tree, attributes.clone());
    ten_calls(&channel, &[BAD]);
    channel.advance_millis(INTERVAL);
    assert_eq!(channel.ejection_labels(), [BackendLabels::of(&attributes)]);

    let of_endpoint = Attributes::new()
        .with::<BackendService>("orders-v2".into())
        .with::<Locality>("here".into());
    let list = endpoints(LIST).into_iter();
    let list: Vec<Endpoint> = list
        .map(|it| it.with_attributes(of_endpoint.clone()))
        .collect();
    let registry = PolicyRegistry::standard();
    let config = PolicyChoice::parse(&tree, &registry).expect("a valid configuration");
    let update = Update::new(list, Arc::new(config)).with_attributes(attributes);
    let accepted = channel.event(|policy, control| policy.handle_update(update, control));
    accepted.expect("the policy accepts the list");
    channel.advance_millis(3 * INTERVAL);
    assert_eq!(channel.ejection_labels(), [BackendLabels::of(&of_endpoint)]);
}
