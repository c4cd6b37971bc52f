//! Validation of listeners and their filters: section 3.1 of the specification.

use std::sync::Arc;
use std::time::Duration;

use trunkline_sim::control_plane::proto::envoy::config::core::v3::{
    ConfigSource, ExtensionConfigSource, HttpProtocolOptions, TypedExtensionConfig,
};
use trunkline_sim::control_plane::proto::envoy::config::listener::v3::{ApiListener, Listener};
use trunkline_sim::control_plane::proto::envoy::config::route::v3::{FilterConfig as Wrapper, Route};
use trunkline_sim::control_plane::proto::envoy::extensions::filters::common::fault::v3 as common;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::common::fault::v3::fault_delay;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::http::fault::v3::{
    FaultAbort as AbortMessage, HttpFault,
};
use trunkline_sim::control_plane::proto::envoy::extensions::filters::http::router::v3::Router;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use trunkline_sim::control_plane::proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter as FilterMessage, ScopedRoutes,
};
use trunkline_sim::control_plane::proto::envoy::r#type::v3::FractionalPercent;
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::proto::{TypeUrl, udpa, xds};
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;
use trunkline_xds::core::resources::{
    ApiListener as Api, FaultAbort, FaultConfig, FaultDelay, FaultShare, FilterConfig, FilterOverride, Fraction,
    HttpFilter, Listener as Decoded, Resource, RouteSource, VirtualHost,
};
use trunkline_xds::core::ResourceType;

use crate::decoding;

fn decode(message: &Listener) -> Result<Arc<Decoded>, String> {
    match decoding::decode(ResourceType::Listener, message)? {
        Resource::Listener(listener) => Ok(listener),
        other => panic!("another resource: {other:?}"),
    }
}

/// Decodes a listener with this manager.
fn decode_manager(manager: &HttpConnectionManager) -> Result<Api, String> {
    let listener = decode(&resources::listener_of("orders", manager))?;
    Ok(listener.api.clone().expect("an API listener"))
}

/// Decodes a listener with these filters.
fn decode_filters(filters: Vec<FilterMessage>) -> Result<Vec<HttpFilter>, String> {
    let mut manager = resources::http_connection_manager("routes");
    manager.http_filters = filters;
    decode_manager(&manager).map(|api| api.http_filters)
}

#[track_caller]
fn check_manager(manager: &HttpConnectionManager, faults: &[&str]) {
    assert_eq!(decode_manager(manager).err(), Some(faults.join("\n")));
}

#[track_caller]
fn check_filters(filters: Vec<FilterMessage>, faults: &[&str]) {
    assert_eq!(decode_filters(filters).err(), Some(faults.join("\n")));
}

fn router() -> FilterMessage {
    resources::http_filter("router", &Router {})
}

fn filter(name: &str, any: Any) -> FilterMessage {
    FilterMessage {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(any)),
        ..FilterMessage::default()
    }
}

fn unknown() -> Any {
    Any {
        type_url: "type.googleapis.com/acme.Unknown".to_owned(),
        value: vec![0xff].into(),
    }
}

fn router_filter() -> HttpFilter {
    HttpFilter {
        name: "router".into(),
        config: FilterConfig::Router,
        is_disabled: false,
    }
}

const IN_MANAGER: &str = "api_listener.api_listener";

/// The API listener must hold an HttpConnectionManager. A listener without it is valid, but has nothing
/// for clients.
#[test]
fn xds_3_1_1_api_listener() {
    let socket = Listener {
        name: "orders".to_owned(),
        api_listener: None,
    };
    let expected = Decoded {
        name: "orders".into(),
        api: None,
    };
    assert_eq!(decode(&socket), Ok(Arc::new(expected)));

    let other = |any| Listener {
        name: "orders".to_owned(),
        api_listener: Some(ApiListener { api_listener: any }),
    };
    assert_eq!(
        decode(&other(None)).err().as_deref(),
        Some("api_listener.api_listener: is required")
    );
    assert_eq!(
        decode(&other(Some(unknown()))).err().as_deref(),
        Some(r#"api_listener.api_listener: unsupported type "type.googleapis.com/acme.Unknown""#)
    );
    let broken = Any {
        type_url: HttpConnectionManager::TYPE_URL.to_owned(),
        value: vec![0xff].into(),
    };
    let fault = decode(&other(Some(broken))).expect_err("broken bytes");
    assert!(
        fault.starts_with("api_listener.api_listener: cannot be decoded: "),
        "{fault}"
    );
}

/// Routes come by name from the same server, or are in the listener.
#[test]
fn xds_3_1_2_routes() {
    let api = decode_manager(&resources::http_connection_manager("routes"));
    let expected = Api {
        routes: RouteSource::Rds("routes".into()),
        max_stream_duration: None,
        http_filters: vec![router_filter()],
    };
    assert_eq!(
        api.map(|api| (api.routes, api.max_stream_duration)),
        Ok((expected.routes, expected.max_stream_duration))
    );

    let mut manager = resources::http_connection_manager("");
    if let Some(RouteSpecifier::Rds(rds)) = &mut manager.route_specifier {
        rds.config_source = Some(ConfigSource::default());
    }
    check_manager(
        &manager,
        &[
            "api_listener.api_listener.rds.config_source: must be ads or self",
            "api_listener.api_listener.rds.route_config_name: is empty",
        ],
    );

    for specifier in [None, Some(RouteSpecifier::ScopedRoutes(ScopedRoutes {}))] {
        manager.route_specifier = specifier;
        check_manager(
            &manager,
            &["api_listener.api_listener: needs rds or route_config"],
        );
    }
}

/// The routes of a listener are validated as a route configuration is; their name may be empty.
#[test]
fn xds_3_1_2_inline_routes() {
    let routes = resources::route_configuration("", [resources::route("", "orders-v1")]);
    let listener = decode(&resources::inline_listener("orders", routes.clone()));
    let api = listener.expect("valid").api.clone().expect("an API");
    let RouteSource::Inline(inline) = api.routes else {
        panic!("{:?}", api.routes);
    };
    assert_eq!((&*inline.name, inline.virtual_hosts.len()), ("", 1));

    let mut bad = routes;
    bad.virtual_hosts[0].routes.insert(0, Route::default());
    assert_eq!(
        decode(&resources::inline_listener("orders", bad)).err(),
        Some(format!(
            "{IN_MANAGER}.route_config.virtual_hosts[0].routes[0].match: is required"
        ))
    );
}

/// The listener has the default timeout. What would change the peer's address is refused.
#[test]
fn xds_3_1_3_options() {
    let mut manager = resources::http_connection_manager("routes");
    let options = |seconds, nanos| {
        Some(HttpProtocolOptions {
            max_stream_duration: Some(prost_types::Duration { seconds, nanos }),
        })
    };
    manager.common_http_protocol_options = options(1, 500_000_000);
    let api = decode_manager(&manager).expect("valid");
    assert_eq!(api.max_stream_duration, Some(Duration::from_millis(1500)));

    manager.common_http_protocol_options = options(-1, 0);
    manager.xff_num_trusted_hops = 1;
    manager.original_ip_detection_extensions = vec![TypedExtensionConfig::default()];
    check_manager(
        &manager,
        &[
            "api_listener.api_listener.xff_num_trusted_hops: must be 0",
            "api_listener.api_listener.original_ip_detection_extensions: must be empty",
            "api_listener.api_listener.common_http_protocol_options.max_stream_duration: \
             bad duration: -1 s and 0 ns",
        ],
    );
}

/// The router is the last filter, and no other one.
#[test]
fn xds_3_1_4_router_is_last() {
    assert_eq!(decode_filters(vec![router()]), Ok(vec![router_filter()]));
    let filters = "api_listener.api_listener.http_filters";
    check_filters(
        Vec::new(),
        &[&format!(
            "{filters}: is empty: the last must be envoy.filters.http.router"
        )],
    );
    let fault = resources::http_filter("fault", &HttpFault::default());
    check_filters(
        vec![fault.clone()],
        &[&format!(
            "{filters}: the last must be envoy.filters.http.router"
        )],
    );
    let mut early = router();
    early.name = "early".to_owned();
    check_filters(
        vec![early, router()],
        &[&format!(
            "{filters} (\"early\"): envoy.filters.http.router is not the last filter"
        )],
    );
}

/// Filters have different names. A filter of an unknown type is left out if it is optional, and
/// refused otherwise.
#[test]
fn xds_3_1_4_filters() {
    let mut optional = filter("a", unknown());
    optional.is_optional = true;
    let mut discovered = filter("b", unknown());
    discovered.config_type = Some(ConfigType::ConfigDiscovery(ExtensionConfigSource {}));
    let mut optional_discovered = discovered.clone();
    optional_discovered.is_optional = true;
    let mut disabled = resources::http_filter("fault", &HttpFault::default());
    disabled.disabled = true;
    assert_eq!(
        decode_filters(vec![optional, optional_discovered, disabled, router()]),
        Ok(vec![
            HttpFilter {
                name: "fault".into(),
                config: FilterConfig::Fault(no_fault()),
                is_disabled: true,
            },
            router_filter(),
        ])
    );

    let place = "api_listener.api_listener.http_filters";
    check_filters(
        vec![filter("x", unknown()), discovered, router()],
        &[
            &format!(r#"{place}[0] ("x"): unsupported type "type.googleapis.com/acme.Unknown""#),
            &format!(r#"{place}[1] ("b"): config_discovery is unsupported"#),
        ],
    );
    let mut unnamed = router();
    unnamed.name.clear();
    check_filters(
        vec![
            filter("x", router_any()),
            filter("x", router_any()),
            unnamed,
        ],
        &[
            &format!(r#"{place}[1] ("x").name: is the name of an earlier filter too"#),
            &format!(r#"{place}[2] ("").name: is empty"#),
        ],
    );
}

fn router_any() -> Any {
    Router {}.pack()
}

/// A struct with a type URL counts as that type.
#[test]
fn xds_3_1_4_typed_struct() {
    let url = "type.googleapis.com/acme.Unknown";
    let of_xds = xds::r#type::v3::TypedStruct {
        type_url: url.to_owned(),
        value: None,
    };
    let of_udpa = udpa::r#type::v1::TypedStruct {
        type_url: url.to_owned(),
        value: None,
    };
    for any in [of_xds.pack(), of_udpa.pack()] {
        check_filters(
            vec![filter("x", any.clone()), router()],
            &[&format!(
                r#"{IN_MANAGER}.http_filters[0] ("x"): unsupported type "{url}""#
            )],
        );
        let mut optional = filter("x", any);
        optional.is_optional = true;
        assert_eq!(
            decode_filters(vec![optional, router()]),
            Ok(vec![router_filter()])
        );
    }
}

/// Returns the virtual host of a listener whose only route has this override of the filter `x`.
fn with_override(any: Any) -> Result<Arc<VirtualHost>, String> {
    let mut route = resources::route("", "orders-v1");
    route.typed_per_filter_config.insert("x".to_owned(), any);
    let routes = resources::route_configuration("", [route]);
    let listener = decode(&resources::inline_listener("orders", routes))?;
    match &listener.api.as_ref().expect("an API").routes {
        RouteSource::Inline(routes) => Ok(Arc::clone(&routes.virtual_hosts[0])),
        RouteSource::Rds(name) => panic!("routes by name: {name}"),
    }
}

/// An override is a configuration, or one in a `FilterConfig`, which can be optional or turn the
/// filter off.
#[test]
fn xds_3_1_5_overrides() {
    let wrapped = |config, is_optional, disabled| {
        let wrapper = Wrapper {
            config,
            is_optional,
            disabled,
        };
        wrapper.pack()
    };
    let check = |any: Any, expected: Option<FilterOverride>| {
        let host = with_override(any).expect("a valid override");
        let overrides = &host.routes[0].filter_overrides;
        assert_eq!(overrides.get("x"), expected.as_ref());
    };
    let fault = HttpFault::default().pack();
    let decoded = |is_disabled| FilterOverride {
        config: Some(FilterConfig::Fault(no_fault())),
        is_disabled,
    };
    check(fault.clone(), Some(decoded(false)));
    check(
        wrapped(Some(fault.clone()), false, false),
        Some(decoded(false)),
    );
    check(wrapped(Some(fault), false, true), Some(decoded(true)));
    let off = FilterOverride {
        config: None,
        is_disabled: true,
    };
    check(wrapped(None, false, true), Some(off));
    check(wrapped(Some(unknown()), true, false), None);

    let place = format!(
        "{IN_MANAGER}.route_config.virtual_hosts[0].routes[0].typed_per_filter_config[\"x\"]"
    );
    let faulty = |any: Any, fault: &str| {
        assert_eq!(with_override(any).err(), Some(format!("{place}{fault}")));
    };
    let unsupported = r#": unsupported type "type.googleapis.com/acme.Unknown""#;
    faulty(unknown(), unsupported);
    faulty(
        wrapped(Some(unknown()), false, false),
        &format!(".config{unsupported}"),
    );
    faulty(wrapped(None, false, false), ".config: is required");
    faulty(router_any(), ": the router has no overrides");
}

fn no_fault() -> FaultConfig {
    FaultConfig {
        max_active_faults: None,
        delay: None,
        abort: None,
    }
}

fn decode_fault(message: &HttpFault) -> Result<FaultConfig, String> {
    let filters = decode_filters(vec![resources::http_filter("f", message), router()])?;
    match &filters[0].config {
        FilterConfig::Fault(config) => Ok(config.clone()),
        other => panic!("another filter: {other:?}"),
    }
}

/// Returns a share, and what 1 means in a header, in millionths.
fn share(configured: u64, unit: u64) -> FaultShare {
    FaultShare {
        configured: Fraction::from_millionths(configured),
        unit: Fraction::from_millionths(unit),
    }
}

fn percent(numerator: u32, denominator: i32) -> Option<FractionalPercent> {
    Some(FractionalPercent {
        numerator,
        denominator,
    })
}

/// The fault filter delays and aborts shares of calls. An absent share is none.
#[test]
fn xds_3_1_6_fault() {
    let message = HttpFault {
        delay: Some(common::FaultDelay {
            fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(prost_types::Duration {
                seconds: 0,
                nanos: 5_000_000,
            })),
            percentage: percent(25, 1),
        }),
        abort: Some(AbortMessage {
            error_type: Some(ErrorType::GrpcStatus(5)),
            percentage: None,
        }),
        max_active_faults: Some(3),
    };
    let expected = FaultConfig {
        max_active_faults: Some(3),
        delay: Some((
            FaultDelay::Fixed(Duration::from_millis(5)),
            share(2500, 100),
        )),
        abort: Some((FaultAbort::Code(Code::NotFound), share(0, 10_000))),
    };
    assert_eq!(decode_fault(&message), Ok(expected));

    let message = HttpFault {
        delay: Some(common::FaultDelay {
            fault_delay_secifier: Some(FaultDelaySecifier::HeaderDelay(
                fault_delay::HeaderDelay {},
            )),
            percentage: percent(101, 0),
        }),
        ..HttpFault::default()
    };
    let expected = FaultConfig {
        delay: Some((FaultDelay::Header, share(1_000_000, 10_000))),
        ..no_fault()
    };
    assert_eq!(decode_fault(&message), Ok(expected));
}

/// The code of an aborted call follows from its HTTP or gRPC status.
#[test]
fn xds_3_1_6_codes() {
    let abort = |error_type| {
        let message = HttpFault {
            abort: Some(AbortMessage {
                error_type: Some(error_type),
                percentage: percent(100, 0),
            }),
            ..HttpFault::default()
        };
        decode_fault(&message).expect("valid").abort
    };
    let of_http = [
        (200, Some(Code::Unknown)),
        (400, Some(Code::Internal)),
        (401, Some(Code::Unauthenticated)),
        (403, Some(Code::PermissionDenied)),
        (404, Some(Code::Unimplemented)),
        (429, Some(Code::Unavailable)),
        (502, Some(Code::Unavailable)),
        (503, Some(Code::Unavailable)),
        (504, Some(Code::Unavailable)),
        (599, Some(Code::Unknown)),
        (199, None),
        (600, None),
        (70_000, None),
    ];
    for (status, code) in of_http {
        let expected = code.map(|code| (FaultAbort::Code(code), share(1_000_000, 10_000)));
        assert_eq!(abort(ErrorType::HttpStatus(status)), expected, "{status}");
    }
    for (number, code) in [
        (0, Code::Ok),
        (16, Code::Unauthenticated),
        (17, Code::Unknown),
    ] {
        let expected = Some((FaultAbort::Code(code), share(1_000_000, 10_000)));
        assert_eq!(abort(ErrorType::GrpcStatus(number)), expected, "{number}");
    }
}

/// A fault without a kind of delay or abort is refused, and so is an unknown denominator.
#[test]
fn xds_3_1_6_bad_faults() {
    let check = |message: &HttpFault, fault: &str| {
        let place = format!("{IN_MANAGER}.http_filters[0] (\"f\")");
        assert_eq!(
            decode_fault(message).err(),
            Some(format!("{place}.{fault}"))
        );
    };
    let delay = |specifier, percentage| HttpFault {
        delay: Some(common::FaultDelay {
            fault_delay_secifier: specifier,
            percentage,
        }),
        ..HttpFault::default()
    };
    check(
        &delay(None, None),
        "delay: has neither fixed_delay nor header_delay",
    );
    let bad = prost_types::Duration {
        seconds: 1,
        nanos: 1_000_000_000,
    };
    check(
        &delay(Some(FaultDelaySecifier::FixedDelay(bad)), None),
        "delay.fixed_delay: bad duration: 1 s and 1000000000 ns",
    );
    let header = FaultDelaySecifier::HeaderDelay(fault_delay::HeaderDelay {});
    check(
        &delay(Some(header), percent(1, 7)),
        "delay.percentage: unknown denominator 7",
    );
    let abort = HttpFault {
        abort: Some(AbortMessage::default()),
        ..HttpFault::default()
    };
    check(
        &abort,
        "abort: has neither http_status, grpc_status nor header_abort",
    );
}
