//! The label `grpc.client.call.custom`:
//! [gRFC A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).

use trunkline_channel::{CallAttributes, Channel};
use trunkline_endpoint::{Attributes, CustomLabel};
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_telemetry::{Instrument, LabelKey, MetricsOptions, instruments};

use crate::world::{GET, backend, builder, failing, measured_with, only, request, send, target};

/// Makes a call with this label.
async fn call(channel: &Channel, path: &str, label: Option<&str>) -> Code {
    let mut request = request(path, b"hello");
    if let Some(label) = label {
        let attributes = Attributes::new().with::<CustomLabel>(label.into());
        request.extensions_mut().insert(CallAttributes(attributes));
    }
    send(channel, request).await
}

/// Makes a call of each method with its label, and returns the lines of the sink without the target.
fn lines(options: MetricsOptions, calls: &[(&str, Option<&str>)]) -> Vec<String> {
    let sim = Sim::new(1);
    backend(&sim, 1);
    let (channel, sink) = measured_with(builder(&sim, 1), options);
    sim.run(async {
        for (path, label) in calls {
            assert_eq!(call(&channel, path, *label).await, Code::Ok);
        }
    });
    let target = format!(", grpc.target={}", target(1));
    let lines = sink.lines().into_iter();
    lines.map(|line| line.replace(&target, "")).collect()
}

fn options() -> MetricsOptions {
    only(&[&instruments::ATTEMPT_STARTED]).with_optional_label(LabelKey::CUSTOM)
}

/// "That value will be propagated to an optional `grpc.client.call.custom` label". "When not specified, the
/// value will be empty string."
#[test]
fn calls_have_the_label_of_the_application() {
    let calls = [
        (GET, Some("batch")),
        (GET, None),
        (GET, Some("interactive")),
        ("/orders.Orders/Put", Some("batch")),
        (GET, Some("batch")),
    ];
    let started = "grpc.client.attempt.started{grpc.method=orders.Orders";
    assert_eq!(
        lines(options(), &calls),
        [
            format!("{started}/Get, grpc.client.call.custom=batch}} 2"),
            format!("{started}/Get, grpc.client.call.custom=interactive}} 1"),
            format!("{started}/Get, grpc.client.call.custom=}} 1"),
            format!("{started}/Put, grpc.client.call.custom=batch}} 1"),
        ]
    );
}

/// "The label is intended to always be explicitly enabled by the application".
#[test]
fn the_label_is_off_by_default() {
    let options = only(&[&instruments::ATTEMPT_STARTED]);
    assert_eq!(
        lines(options, &[(GET, Some("batch")), (GET, None)]),
        ["grpc.client.attempt.started{grpc.method=orders.Orders/Get} 2"]
    );
}

/// "The instruments that would gain this label": those of A66 and of A96. A call that is retried has all of
/// them but two.
#[test]
fn all_instruments_of_calls_have_it() {
    let sim = Sim::new(1);
    let server = backend(&sim, 1);
    let retry = r#"{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":2,"initialBackoff":"1s",
        "maxBackoff":"1s","backoffMultiplier":1,"retryableStatusCodes":["UNAVAILABLE"]}}]}"#;
    let channel = builder(&sim, 1).default_service_config(retry);
    let of_calls =
        |instrument: &&&'static Instrument| instrument.optional_labels.contains(&LabelKey::CUSTOM);
    let of_calls: Vec<_> = instruments::ALL.iter().filter(of_calls).copied().collect();
    assert_eq!(of_calls.len(), 9);
    let options = only(&of_calls).with_optional_label(LabelKey::CUSTOM);
    let (channel, sink) = measured_with(channel, options);
    server.push_reply(failing(Code::Unavailable));
    sim.run(async {
        assert_eq!(call(&channel, GET, Some("batch")).await, Code::Ok);
    });
    let lines = sink.lines();
    let found: std::collections::BTreeSet<&str> = lines
        .iter()
        .inspect(|line| assert!(line.contains("grpc.client.call.custom=batch}"), "{line}"))
        .filter_map(|line| line.split('{').next())
        .collect();
    let without = [
        instruments::CALL_HEDGES.name,
        instruments::CALL_TRANSPARENT_RETRIES.name,
    ];
    let names = of_calls.iter().map(|own| own.name);
    let expected = names.filter(|name| !without.contains(name)).collect();
    assert_eq!(found, expected);
}

/// An application that makes up labels does not make as many series: 512 pairs of a method and a label in a
/// channel, and then `other`. A method that is not told apart is `other` with its label.
#[test]
fn labels_are_bounded() {
    let labels: Vec<String> = (0..600).map(|number| number.to_string()).collect();
    let calls: Vec<_> = labels.iter().map(|label| (GET, Some(&**label))).collect();
    let found = lines(options(), &calls);
    let other = "grpc.client.attempt.started{grpc.method=other, grpc.client.call.custom=other} 88";
    assert_eq!(found.len(), 513);
    assert!(found.iter().any(|line| line == other));
    let calls = [("/a.B/C", Some("batch")), (GET, Some("batch"))];
    assert_eq!(
        lines(options().with_methods(["a.B/C"]), &calls),
        [
            "grpc.client.attempt.started{grpc.method=a.B/C, grpc.client.call.custom=batch} 1",
            "grpc.client.attempt.started{grpc.method=other, grpc.client.call.custom=batch} 1",
        ]
    );
}
