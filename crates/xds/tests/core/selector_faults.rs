//! The faults that the selector draws for calls: clauses 3.1.5 and 3.1.6 of the specification.

use std::sync::Arc;
use std::time::Duration;

use trunkline_endpoint::Attributes;
use trunkline_service_config::{CallInfo, ConfigSelector};
use trunkline_status::{Code, Status};
use trunkline_xds::core::resources::{
    FaultAbort, FaultConfig, FaultDelay, FaultShare, FilterConfig, FilterOverride, FilterOverrides,
    Fraction, HttpFilter, RouteAction,
};
use trunkline_xds::core::{ActiveFaults, SelectorOptions, XdsConfig};
use trunkline_xds::policies::FaultCount;

use crate::selector::{config_of, metadata, route, selector_with_options};

const ALL: FaultShare = FaultShare {
    configured: Fraction::ALL,
    unit: Fraction::from_millionths(10_000),
};

fn aborting(code: Code) -> FaultConfig {
    FaultConfig {
        max_active_faults: None,
        delay: None,
        abort: Some((FaultAbort::Code(code), ALL)),
    }
}

fn changed(config: Option<FaultConfig>, is_disabled: bool) -> FilterOverrides {
    let changed = FilterOverride {
        config: config.map(FilterConfig::Fault),
        is_disabled,
    };
    [("fault".into(), changed)].into()
}

/// Returns a configuration with one route, whose listener has these fault filters.
fn config(faults: impl IntoIterator<Item = FaultConfig>) -> XdsConfig {
    let mut config = config_of([route("/", "a")]);
    let listener = Arc::make_mut(&mut config.listener);
    let api = listener.api.as_mut().expect("an API listener");
    api.http_filters = faults
        .into_iter()
        .map(|config| HttpFilter {
            name: "fault".into(),
            config: FilterConfig::Fault(config),
            is_disabled: false,
        })
        .collect();
    config
}

/// Returns the delay and the status of a call with these headers.
fn fault(config: &XdsConfig, headers: &[(&str, &str)]) -> (Option<Duration>, Option<Status>) {
    let options = SelectorOptions::new("node".into(), 1);
    let selector = selector_with_options(config, options, &Arc::default());
    let (metadata, attributes) = (metadata(headers), Attributes::new());
    let selected = selector.select(&CallInfo::new("/s/m", &metadata, &attributes));
    match selected.expect("a route").fault {
        Some(fault) => (fault.delay, fault.abort),
        None => (None, None),
    }
}

fn aborted(code: Code) -> Option<Status> {
    Some(Status::new(code, "call aborted by fault injection"))
}

/// The most specific change of a filter counts: cluster, route, virtual host, then the filter.
#[test]
fn xds_3_1_5_most_specific_override() {
    let mut config = config([aborting(Code::Aborted)]);
    assert_eq!(fault(&config, &[]).1, aborted(Code::Aborted));
    let host = Arc::make_mut(&mut config.virtual_host);
    host.filter_overrides = changed(Some(aborting(Code::DataLoss)), false);
    assert_eq!(fault(&config, &[]).1, aborted(Code::DataLoss));
    let route = |config: &mut XdsConfig, overrides| {
        let host = Arc::make_mut(&mut config.virtual_host);
        host.routes[0].filter_overrides = overrides;
    };
    route(&mut config, changed(None, true));
    assert_eq!(fault(&config, &[]), (None, None));
    route(&mut config, changed(None, false));
    assert_eq!(fault(&config, &[]).1, aborted(Code::Aborted));
    let host = Arc::make_mut(&mut config.virtual_host);
    let RouteAction::Forward(action) = &mut host.routes[0].action else {
        panic!("a route to a cluster");
    };
    action.clusters[0].filter_overrides = changed(Some(aborting(Code::Internal)), false);
    assert_eq!(fault(&config, &[]).1, aborted(Code::Internal));
}

/// A filter that is off does nothing, unless a route has a configuration for it.
#[test]
fn xds_3_1_4_disabled() {
    let mut config = config([aborting(Code::Aborted)]);
    let listener = Arc::make_mut(&mut config.listener);
    listener.api.as_mut().expect("an API").http_filters[0].is_disabled = true;
    assert_eq!(fault(&config, &[]), (None, None));
    let host = Arc::make_mut(&mut config.virtual_host);
    host.filter_overrides = changed(Some(aborting(Code::DataLoss)), false);
    assert_eq!(fault(&config, &[]).1, aborted(Code::DataLoss));
}

/// The delays of several filters add up, and the first abort ends the call. OK has no text.
#[test]
fn xds_3_1_6_several_filters() {
    let delaying = |seconds| FaultConfig {
        max_active_faults: None,
        delay: Some((FaultDelay::Fixed(Duration::from_secs(seconds)), ALL)),
        abort: None,
    };
    let filters = [
        delaying(1),
        delaying(2),
        aborting(Code::Ok),
        delaying(4),
        aborting(Code::Internal),
    ];
    assert_eq!(
        fault(&config(filters), &[]),
        (
            Some(Duration::from_secs(3)),
            Some(Status::new(Code::Ok, ""))
        )
    );
}

/// Headers choose delay and status where the filter allows it. The last value counts, percentages only
/// lower the filter's, and a status of HTTP goes before one of gRPC.
#[test]
fn xds_3_1_6_headers() {
    let by_header = FaultConfig {
        max_active_faults: None,
        delay: Some((FaultDelay::Header, ALL)),
        abort: Some((FaultAbort::Header, ALL)),
    };
    let config = config([by_header]);
    let check = |headers: &[(&str, &str)], millis: Option<u64>, code: Option<Code>| {
        let expected = (millis.map(Duration::from_millis), code.and_then(aborted));
        assert_eq!(fault(&config, headers), expected, "{headers:?}");
    };
    let delay = "x-envoy-fault-delay-request";
    let (http, grpc) = (
        "x-envoy-fault-abort-request",
        "x-envoy-fault-abort-grpc-request",
    );
    check(&[], None, None);
    check(&[(delay, "5"), (delay, "70")], Some(70), None);
    check(&[(delay, "-5")], None, None);
    check(&[(delay, "x")], None, None);
    check(&[(http, "404")], None, Some(Code::Unimplemented));
    check(&[(http, "600")], None, None);
    check(&[(grpc, "13")], None, Some(Code::Internal));
    let both = |http_status| [(http, http_status), (grpc, "13")];
    check(&both("404"), None, Some(Code::Unimplemented));
    check(&both("600"), None, Some(Code::Internal));
    check(&both("x"), None, Some(Code::Internal));
    check(&[(grpc, "99")], None, Some(Code::Unknown));
    let percentage = "x-envoy-fault-delay-request-percentage";
    check(&[(delay, "5"), (percentage, "0")], None, None);
    check(&[(delay, "5"), (percentage, "250")], Some(5), None);
    let percentage = "x-envoy-fault-abort-request-percentage";
    check(&[(grpc, "13"), (percentage, "0")], None, None);
}

/// Headers do nothing where the filter has a fixed fault: a share of 0 stays 0.
#[test]
fn xds_3_1_6_headers_never_raise() {
    let none = FaultShare {
        configured: Fraction::default(),
        ..ALL
    };
    let config = config([FaultConfig {
        max_active_faults: None,
        delay: Some((FaultDelay::Header, none)),
        abort: Some((FaultAbort::Code(Code::Internal), none)),
    }]);
    let headers = [
        ("x-envoy-fault-delay-request", "5"),
        ("x-envoy-fault-delay-request-percentage", "100"),
        ("x-envoy-fault-abort-request-percentage", "100"),
    ];
    assert_eq!(fault(&config, &headers), (None, None));
}

/// No more faults are under way than the filter allows, in the whole process. 0 turns the filter off.
#[test]
fn xds_3_1_6_max_active_faults() {
    let count = FaultCount::default();
    let first = count.start(Some(2)).expect("the first fault");
    let second = count.start(Some(2)).expect("the second fault");
    assert!(count.start(Some(2)).is_none());
    assert!(count.start(None).is_some());
    drop(first);
    assert!(count.start(Some(2)).is_some());
    drop(second);

    let limited = |most| FaultConfig {
        max_active_faults: Some(most),
        ..aborting(Code::Internal)
    };
    assert_eq!(fault(&config([limited(0)]), &[]), (None, None));
    let options =
        SelectorOptions::new("node".into(), 1).with_active_faults(Arc::new(count.clone()));
    let config = config([limited(1)]);
    let selector = selector_with_options(&config, options, &Arc::default());
    let is_faulty = || {
        let (metadata, attributes) = (metadata(&[]), Attributes::new());
        let selected = selector.select(&CallInfo::new("/s/m", &metadata, &attributes));
        selected.expect("a route").fault.is_some()
    };
    let other = count.start(None);
    assert!(!is_faulty());
    drop(other);
    assert!(is_faulty());
}
