//! Validation of route configurations: section 3.2 of the specification.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use trunkline_service_config::RetryPolicy;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::RuntimeFractionalPercent;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::retry_policy::RetryBackOff;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route::Action;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route_action::hash_policy::{
    FilterState, Header, PolicySpecifier,
};
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HashPolicy as HashMessage, HostRewriteSpecifier, MaxStreamDuration,
};
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route_match::PathSpecifier;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::{
    self as proto, DirectResponseAction, FilterAction, NonForwardingAction, QueryParameterMatcher,
    RedirectAction, RouteMatch,
};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3 as matcher;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::proto::envoy::r#type::v3::{FractionalPercent, Int64Range};
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;
use trunkline_xds::core::ResourceType;
use trunkline_xds::core::resources::{
    Domain, ForwardAction, Fraction, HashPolicy, HashSource, HeaderCondition, HeaderMatcher,
    PathMatcher, Pattern, Resource, Rewrite, Route, RouteAction, RouteConfiguration, SkippedRoute,
    StringMatcher, VirtualHost,
};

use crate::decoding;

fn decode(message: &proto::RouteConfiguration) -> Result<Arc<RouteConfiguration>, String> {
    routes_of(decoding::decode(ResourceType::RouteConfiguration, message)?)
}

fn routes_of(resource: Resource) -> Result<Arc<RouteConfiguration>, String> {
    match resource {
        Resource::RouteConfiguration(routes) => Ok(routes),
        other => Err(format!("another resource: {other:?}")),
    }
}

/// Decodes the only virtual host, with these routes.
fn decode_host(routes: impl IntoIterator<Item = proto::Route>) -> Result<Arc<VirtualHost>, String> {
    let routes = decode(&resources::route_configuration("routes", routes))?;
    Ok(Arc::clone(&routes.virtual_hosts[0]))
}

/// Decodes the only route.
fn decode_route(route: proto::Route) -> Result<Route, String> {
    let host = decode_host([route])?;
    let [route] = &*host.routes else {
        return Err(format!("not one route: {host:?}"));
    };
    Ok(route.clone())
}

/// Decodes the action of the only route.
fn decode_action(action: proto::RouteAction) -> Result<ForwardAction, String> {
    match decode_route(resources::route_of("", action))?.action {
        RouteAction::Forward(action) => Ok(action),
        RouteAction::NotForClients => Err("not for clients".to_owned()),
    }
}

const ROUTE: &str = "virtual_hosts[0].routes[0]";

#[track_caller]
fn check_faults<T>(result: Result<T, String>, faults: &[&str]) {
    let faults: Vec<_> = faults
        .iter()
        .map(|fault| format!("{ROUTE}{fault}"))
        .collect();
    assert_eq!(result.err(), Some(faults.join("\n")));
}

fn to_cluster(name: &str) -> proto::RouteAction {
    proto::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(name.to_owned())),
        ..proto::RouteAction::default()
    }
}

fn with_match(matching: RouteMatch) -> proto::Route {
    proto::Route {
        r#match: Some(matching),
        ..resources::route("", "orders-v1")
    }
}

fn any_path() -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix(String::new())),
        ..RouteMatch::default()
    }
}

fn regex(source: &str) -> matcher::RegexMatcher {
    matcher::RegexMatcher {
        regex: source.to_owned(),
    }
}

/// A domain is `*`, `*suffix`, `prefix*` or a name; a list without domains is refused.
#[test]
fn xds_3_2_1_domains() {
    let domains = |domains: &[&str]| {
        let host = resources::virtual_host("host", domains.iter().copied(), []);
        let mut routes = resources::route_configuration("routes", []);
        routes.virtual_hosts = vec![host];
        decode(&routes).map(|routes| routes.virtual_hosts[0].domains.clone())
    };
    assert_eq!(
        domains(&["*", "*.example", "orders.*", "orders:8080"]),
        Ok(vec![
            Domain::Any,
            Domain::Suffix(".example".into()),
            Domain::Prefix("orders.".into()),
            Domain::Exact("orders:8080".into()),
        ])
    );
    assert_eq!(
        domains(&["", "a*b", "*a*", "**"]),
        Err((0..4)
            .zip(["", "a*b", "*a*", "**"])
            .map(|(at, bad)| format!("virtual_hosts[0].domains[{at}]: bad pattern {bad:?}"))
            .collect::<Vec<_>>()
            .join("\n"))
    );
    assert_eq!(
        domains(&[]),
        Err("virtual_hosts[0].domains: is empty".to_owned())
    );
}

/// The best domain decides: equal, longest suffix, longest prefix, any. Of equal ones the first.
#[test]
fn xds_3_2_2_virtual_host() {
    let hosts = [
        ("any", &["*"][..]),
        ("short prefix", &["orders.*"]),
        ("prefix", &["orders.prod.*"]),
        ("short suffix", &["*.example"]),
        ("suffix", &["*.prod.example", "*.prod.example:80"]),
        ("second suffix", &["*.prod.example"]),
        ("exact", &["orders.prod.example:443"]),
    ];
    let mut routes = resources::route_configuration("routes", []);
    let host = |(name, domains): (&str, &[&str])| {
        resources::virtual_host(name, domains.iter().copied(), [])
    };
    routes.virtual_hosts = hosts.into_iter().map(host).collect();
    let routes = decode(&routes).expect("valid");
    let check = |authority: &str, expected| {
        let host = routes.virtual_host(authority).map(|host| &*host.name);
        assert_eq!(host, expected, "{authority}");
    };
    check("orders.prod.example:443", Some("exact"));
    check("ORDERS.Prod.Example:443", Some("exact"));
    check("orders.prod.example:80", Some("suffix"));
    check("orders.prod.example", Some("suffix"));
    check("orders.dev.example", Some("short suffix"));
    check("orders.prod.test", Some("prefix"));
    check("Orders.dev.test", Some("short prefix"));
    // A star is at least one character.
    check(".prod.example", Some("short suffix"));
    check("orders.prod.", Some("short prefix"));
    check("orders.", Some("any"));
    check("payments", Some("any"));
}

/// A configuration without a matching virtual host is valid. The error lists the domains.
#[test]
fn xds_4_8_no_virtual_host() {
    let mut routes = resources::route_configuration("routes", []);
    let text = |routes: &proto::RouteConfiguration| {
        let routes = decode(routes).expect("valid");
        assert_eq!(routes.virtual_host("orders"), None);
        routes.explain_missing("orders")
    };
    let prefix = r#"route configuration "routes" has no virtual host for "orders""#;
    let domains = ["a", "*b", "c*", "d", "e", "f", "g", "h"];
    routes.virtual_hosts = vec![resources::virtual_host("v", domains, [])];
    assert_eq!(
        text(&routes),
        format!(r#"{prefix} (it has "a", "*b", "c*", "d", "e" and 3 more)"#)
    );
    routes.virtual_hosts = vec![resources::virtual_host("v", ["a", "b"], [])];
    assert_eq!(text(&routes), format!(r#"{prefix} (it has "a", "b")"#));
    routes.virtual_hosts.clear();
    assert_eq!(text(&routes), format!("{prefix} (it has none)"));
}

/// A route with a condition on query parameters is left out, before anything else of it is read. The
/// others keep their indices.
#[test]
fn xds_3_2_3_query_parameters() {
    let mut query = with_match(RouteMatch {
        query_parameters: vec![QueryParameterMatcher::default()],
        ..RouteMatch::default()
    });
    query.action = Some(Action::Route(to_cluster("")));
    let host = decode_host([query, resources::route("", "orders-v1")]).expect("valid");
    let skipped = SkippedRoute {
        index: 0,
        reason: "it has a condition on query parameters".to_owned(),
    };
    assert_eq!(host.skipped_routes, [skipped]);
    assert_eq!(host.routes.len(), 1);
    assert_eq!(host.routes[0].index, 1);
}

/// A route has a condition on the path, of a kind that is known.
#[test]
fn xds_3_2_4_path() {
    let path = |specifier, case_sensitive| {
        let matching = RouteMatch {
            path_specifier: specifier,
            case_sensitive,
            ..RouteMatch::default()
        };
        decode_route(with_match(matching)).map(|route| route.path)
    };
    let check = |specifier, case_sensitive, expected| {
        assert_eq!(path(Some(specifier), case_sensitive), Ok(expected));
    };
    for (case_sensitive, ignore_case) in [(None, false), (Some(true), false), (Some(false), true)] {
        check(
            PathSpecifier::Prefix("/shop.Orders/".to_owned()),
            case_sensitive,
            PathMatcher::Prefix {
                text: "/shop.Orders/".into(),
                ignore_case,
            },
        );
        check(
            PathSpecifier::Path("/shop.Orders/Get".to_owned()),
            case_sensitive,
            PathMatcher::Exact {
                text: "/shop.Orders/Get".into(),
                ignore_case,
            },
        );
        check(
            PathSpecifier::SafeRegex(regex("/shop\\..*")),
            case_sensitive,
            PathMatcher::Regex(Pattern::new("/shop\\..*").expect("a pattern")),
        );
    }
    check_faults(path(None, None), &[".match: no supported path specifier"]);
    check_faults(
        path(Some(PathSpecifier::SafeRegex(regex("a(b"))), None),
        &[".match.safe_regex.regex: \"a(b\" is no regular expression: unclosed group"],
    );
    let route = proto::Route {
        r#match: None,
        ..resources::route("", "orders-v1")
    };
    check_faults(decode_route(route), &[".match: is required"]);
}

/// The empty prefix and `/` match all paths; other conditions compare, with the case or without it.
#[test]
fn xds_3_2_4_path_matches() {
    let prefix = |text: &str, ignore_case| PathMatcher::Prefix {
        text: text.into(),
        ignore_case,
    };
    let exact = |text: &str, ignore_case| PathMatcher::Exact {
        text: text.into(),
        ignore_case,
    };
    let regex = |source| PathMatcher::Regex(Pattern::new(source).expect("a pattern"));
    let check = |matcher: PathMatcher, matching: &[&str], others: &[&str]| {
        for path in matching {
            assert!(matcher.matches(path), "{matcher:?} {path}");
        }
        for path in others {
            assert!(!matcher.matches(path), "{matcher:?} {path}");
        }
    };
    check(prefix("", false), &["/s/m"], &[]);
    check(prefix("/", false), &["/s/m"], &[]);
    check(
        prefix("/s/", false),
        &["/s/m", "/s/"],
        &["/S/m", "/t/m", "/s"],
    );
    check(prefix("/s/", true), &["/S/m"], &["/\u{17f}/m"]);
    check(exact("/s/m", false), &["/s/m"], &["/s/M", "/s/mm"]);
    check(exact("/s/m", true), &["/S/M"], &["/s/mm"]);
    check(regex("/s|/s/m"), &["/s", "/s/m"], &["/s/", "x/s"]);
}

fn header(name: &str, specifier: HeaderMatchSpecifier, invert: bool) -> proto::HeaderMatcher {
    proto::HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(specifier),
        invert_match: invert,
    }
}

fn string_matcher(pattern: Option<MatchPattern>, ignore_case: bool) -> HeaderMatchSpecifier {
    HeaderMatchSpecifier::StringMatch(matcher::StringMatcher {
        match_pattern: pattern,
        ignore_case,
    })
}

fn decode_headers(headers: Vec<proto::HeaderMatcher>) -> Result<Vec<HeaderMatcher>, String> {
    let matching = RouteMatch {
        headers,
        ..any_path()
    };
    decode_route(with_match(matching)).map(|route| route.headers)
}

/// All kinds of conditions on headers; names are in lower case.
#[test]
fn xds_3_2_5_headers() {
    let pattern = || Pattern::new("a+").expect("a pattern");
    let text = HeaderCondition::Text;
    let exact = |ignore_case| {
        text(StringMatcher::Exact {
            text: "a".into(),
            ignore_case,
        })
    };
    let prefix = |ignore_case| {
        text(StringMatcher::Prefix {
            text: "a".into(),
            ignore_case,
        })
    };
    let suffix = |ignore_case| {
        text(StringMatcher::Suffix {
            text: "a".into(),
            ignore_case,
        })
    };
    let contains = |ignore_case| {
        text(StringMatcher::Contains {
            text: "a".into(),
            ignore_case,
        })
    };
    let a = || "a".to_owned();
    let cases = [
        (HeaderMatchSpecifier::ExactMatch(a()), exact(false)),
        (HeaderMatchSpecifier::PrefixMatch(a()), prefix(false)),
        (HeaderMatchSpecifier::SuffixMatch(a()), suffix(false)),
        (HeaderMatchSpecifier::ContainsMatch(a()), contains(false)),
        (
            HeaderMatchSpecifier::SafeRegexMatch(regex("a+")),
            text(StringMatcher::Regex(pattern())),
        ),
        (
            HeaderMatchSpecifier::RangeMatch(Int64Range { start: -1, end: 7 }),
            HeaderCondition::Range { start: -1, end: 7 },
        ),
        (
            HeaderMatchSpecifier::PresentMatch(false),
            HeaderCondition::Present(false),
        ),
        (
            string_matcher(Some(MatchPattern::Exact(a())), true),
            exact(true),
        ),
        (
            string_matcher(Some(MatchPattern::Prefix(a())), true),
            prefix(true),
        ),
        (
            string_matcher(Some(MatchPattern::Suffix(a())), true),
            suffix(true),
        ),
        (
            string_matcher(Some(MatchPattern::Contains(a())), true),
            contains(true),
        ),
        (
            string_matcher(Some(MatchPattern::SafeRegex(regex("a+"))), true),
            text(StringMatcher::Regex(pattern())),
        ),
    ];
    let (messages, expected): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .map(|(specifier, condition)| {
            let expected = HeaderMatcher {
                name: "x-env".into(),
                condition,
                invert: true,
            };
            (header("X-Env", specifier, true), expected)
        })
        .unzip();
    assert_eq!(decode_headers(messages), Ok(expected));
}

/// A header without a condition of a known kind is refused.
#[test]
fn xds_3_0_5_unsupported_matchers() {
    let empty = String::new;
    let headers = vec![
        proto::HeaderMatcher::default(),
        header("x", string_matcher(None, false), false),
        header(
            "x",
            string_matcher(Some(MatchPattern::Exact(empty())), false),
            false,
        ),
        header(
            "x",
            string_matcher(Some(MatchPattern::Prefix(empty())), false),
            false,
        ),
        header(
            "x",
            string_matcher(Some(MatchPattern::Suffix(empty())), false),
            false,
        ),
        header(
            "x",
            string_matcher(Some(MatchPattern::Contains(empty())), false),
            false,
        ),
        header(
            "x",
            string_matcher(Some(MatchPattern::SafeRegex(regex("["))), false),
            false,
        ),
        header("x", HeaderMatchSpecifier::ExactMatch(empty()), false),
        header("x", HeaderMatchSpecifier::PrefixMatch(empty()), false),
        header("x", HeaderMatchSpecifier::SuffixMatch(empty()), false),
        header("x", HeaderMatchSpecifier::ContainsMatch(empty()), false),
    ];
    check_faults(
        decode_headers(headers),
        &[
            ".match.headers[0]: unsupported matcher",
            ".match.headers[1].string_match: unsupported matcher",
            ".match.headers[3].string_match.prefix: is empty",
            ".match.headers[4].string_match.suffix: is empty",
            ".match.headers[5].string_match.contains: is empty",
            ".match.headers[6].string_match.safe_regex.regex: \"[\" is no regular expression: \
             unclosed character class",
            ".match.headers[8].prefix_match: is empty",
            ".match.headers[9].suffix_match: is empty",
            ".match.headers[10].contains_match: is empty",
        ],
    );
}

/// A pattern matches whole values, and one that would only be valid with our anchors is refused.
#[test]
fn xds_3_0_5_regex() {
    let pattern = Pattern::new("a|ab").expect("a pattern");
    assert!(pattern.matches("ab"));
    assert!(!pattern.matches("abc"));
    Pattern::new("a)|(?:b").expect_err("unbalanced");
}

/// The patterns of a resource may not take more than a limit together: a short one can take a megabyte.
#[test]
fn xds_3_0_5_regex_limit() {
    let routes = (0..40).map(|at| {
        let source = format!("(\\w{{40}}){{{}}}", at + 1);
        with_match(RouteMatch {
            path_specifier: Some(PathSpecifier::SafeRegex(regex(&source))),
            ..RouteMatch::default()
        })
    });
    let faults = decode_host(routes).expect_err("too large");
    assert!(faults.contains("takes more than 1024 KiB"), "{faults}");
    // Each of these is small enough.
    let routes = (0..40).map(|at| {
        with_match(RouteMatch {
            path_specifier: Some(PathSpecifier::SafeRegex(regex(&format!("/{at}/\\w{{30}}")))),
            ..RouteMatch::default()
        })
    });
    let faults = decode_host(routes).expect_err("too many");
    assert!(faults.contains("take more than 32 MiB"), "{faults}");
    // Equal patterns count once.
    let routes = (0..500).map(|_| {
        with_match(RouteMatch {
            path_specifier: Some(PathSpecifier::SafeRegex(regex("/\\w{10}"))),
            ..RouteMatch::default()
        })
    });
    assert_eq!(decode_host(routes).map(|host| host.routes.len()), Ok(500));
}

/// A share is scaled to millionths; an unknown denominator is refused.
#[test]
fn xds_3_2_6_fraction() {
    let fraction = |numerator, denominator| {
        let matching = RouteMatch {
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(FractionalPercent {
                    numerator,
                    denominator,
                }),
            }),
            ..any_path()
        };
        decode_route(with_match(matching)).map(|route| route.fraction)
    };
    let check = |numerator, denominator, millionths| {
        let expected = Some(Fraction::from_millionths(millionths));
        assert_eq!(fraction(numerator, denominator), Ok(expected));
    };
    check(25, 0, 250_000);
    check(25, 1, 2500);
    check(25, 2, 25);
    check(u32::MAX, 0, 1_000_000);
    check_faults(
        fraction(1, 3),
        &[".match.runtime_fraction.default_value: unknown denominator 3"],
    );
    assert_eq!(
        decode_route(with_match(any_path())).map(|route| route.fraction),
        Ok(None)
    );
}

/// A cluster without a name is refused. Weights of 0 are left out, and the sum must fit 32 bits.
#[test]
fn xds_3_2_7_clusters() {
    let clusters = |route: proto::Route| {
        let route = decode_route(route)?;
        match route.action {
            RouteAction::Forward(action) => Ok(action
                .clusters
                .into_iter()
                .map(|cluster| (cluster.name.to_string(), cluster.weight))
                .collect::<Vec<_>>()),
            RouteAction::NotForClients => Err("not for clients".to_owned()),
        }
    };
    let named = |name: &str, weight| (name.to_owned(), weight);
    assert_eq!(clusters(resources::route("", "a")), Ok(vec![named("a", 1)]));
    assert_eq!(
        clusters(resources::weighted_route(
            "",
            [("a", 3), ("b", 0), ("a", 7)]
        )),
        Ok(vec![named("a", 3), named("a", 7)])
    );
    check_faults(
        clusters(resources::route("", "")),
        &[".route.cluster: is empty"],
    );
    let list = ".route.weighted_clusters.clusters";
    check_faults(
        clusters(resources::weighted_route("", [("", 0), ("a", 1)])),
        &[&format!("{list}[0].name: is empty")],
    );
    for none in [&[][..], &[("a", 0)]] {
        check_faults(
            clusters(resources::weighted_route("", none.iter().copied())),
            &[&format!("{list}: no cluster has a weight above 0")],
        );
    }
    check_faults(
        clusters(resources::weighted_route("", [("a", u32::MAX), ("b", 1)])),
        &[&format!(
            "{list}: the sum of the weights is 4294967296, above 2^32 - 1"
        )],
    );
    assert_eq!(
        clusters(resources::weighted_route(
            "",
            [("a", u32::MAX - 1), ("b", 1)]
        )),
        Ok(vec![named("a", u32::MAX - 1), named("b", 1)])
    );
}

/// A route whose cluster is not known beforehand is left out. One with another action stays, and fails
/// its calls.
#[test]
fn xds_3_2_7_other_actions() {
    let skipped = [
        Some(ClusterSpecifier::ClusterHeader("x".to_owned())),
        Some(ClusterSpecifier::ClusterSpecifierPlugin("x".to_owned())),
        None,
    ];
    for cluster_specifier in skipped {
        let action = proto::RouteAction {
            cluster_specifier,
            ..proto::RouteAction::default()
        };
        let host = decode_host([resources::route_of("", action)]).expect("valid");
        assert_eq!((host.routes.len(), host.skipped_routes.len()), (0, 1));
    }
    let others = [
        Some(Action::Redirect(RedirectAction {})),
        Some(Action::DirectResponse(DirectResponseAction {})),
        Some(Action::FilterAction(FilterAction {})),
        Some(Action::NonForwardingAction(NonForwardingAction {})),
        None,
    ];
    for action in others {
        let route = proto::Route {
            action,
            ..resources::route("", "a")
        };
        let route = decode_route(route).map(|route| route.action);
        assert_eq!(route, Ok(RouteAction::NotForClients));
    }
}

fn duration(seconds: i64, nanos: i32) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos }
}

/// The timeout is the limit of the `grpc-timeout` header if it is there, else that of the stream.
#[test]
fn xds_3_2_8_timeout() {
    let timeout = |max_stream_duration, grpc_timeout_header_max| {
        let action = proto::RouteAction {
            max_stream_duration: Some(MaxStreamDuration {
                max_stream_duration,
                grpc_timeout_header_max,
            }),
            ..to_cluster("a")
        };
        decode_action(action).map(|action| action.max_stream_duration)
    };
    let (two, three) = (Some(duration(2, 0)), Some(duration(3, 5)));
    assert_eq!(timeout(two, None), Ok(Some(Duration::from_secs(2))));
    assert_eq!(timeout(two, three), Ok(Some(Duration::new(3, 5))));
    assert_eq!(timeout(None, None), Ok(None));
    assert_eq!(
        timeout(Some(duration(0, 0)), None),
        Ok(Some(Duration::ZERO))
    );
    check_faults(
        timeout(Some(duration(-2, 0)), None),
        &[".route.max_stream_duration.max_stream_duration: bad duration: -2 s and 0 ns"],
    );
}

/// Durations have their limits of protobuf.
#[test]
fn xds_3_0_2_durations() {
    let check = |seconds, nanos, expected: Option<Duration>| {
        let action = proto::RouteAction {
            max_stream_duration: Some(MaxStreamDuration {
                max_stream_duration: Some(duration(seconds, nanos)),
                grpc_timeout_header_max: None,
            }),
            ..to_cluster("a")
        };
        let decoded = decode_action(action).ok();
        assert_eq!(
            decoded.and_then(|action| action.max_stream_duration),
            expected
        );
    };
    check(
        315_576_000_000,
        0,
        Some(Duration::from_secs(315_576_000_000)),
    );
    check(315_576_000_001, 0, None);
    check(0, 999_999_999, Some(Duration::new(0, 999_999_999)));
    check(0, 1_000_000_000, None);
    check(0, -1, None);
    check(i64::MIN, i32::MIN, None);
}

fn retry(retry_on: &str) -> proto::RetryPolicy {
    proto::RetryPolicy {
        retry_on: retry_on.to_owned(),
        ..proto::RetryPolicy::default()
    }
}

fn decode_retry(policy: proto::RetryPolicy) -> Result<Option<RetryPolicy>, String> {
    let action = proto::RouteAction {
        retry_policy: Some(policy),
        ..to_cluster("a")
    };
    decode_action(action).map(|action| action.retry)
}

fn expected_retry(attempts: u32, codes: &[Code], base: u64, longest: u64) -> RetryPolicy {
    RetryPolicy::new(attempts, codes.iter().copied())
        .with_initial_backoff(Duration::from_millis(base))
        .with_max_backoff(Duration::from_millis(longest))
        .with_backoff_multiplier(2.0)
}

/// Known names of codes count, in any case. A policy without any means no retries.
#[test]
fn xds_3_2_9_retry_codes() {
    let all =
        "cancelled, DEADLINE-exceeded,internal ,resource-exhausted,unavailable,5xx,,cancelled";
    let codes = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Internal,
        Code::ResourceExhausted,
        Code::Unavailable,
    ];
    assert_eq!(
        decode_retry(retry(all)),
        Ok(Some(expected_retry(2, &codes, 25, 250)))
    );
    assert_eq!(decode_retry(retry("5xx,reset")), Ok(None));
    assert_eq!(decode_retry(retry("")), Ok(None));
}

/// The number of attempts is one more than that of retries, which must not be 0.
#[test]
fn xds_3_2_9_retry_number() {
    let number = |number| {
        decode_retry(proto::RetryPolicy {
            num_retries: Some(number),
            ..retry("unavailable")
        })
        .map(|retry| retry.map(|retry| retry.max_attempts))
    };
    assert_eq!(number(3), Ok(Some(4)));
    assert_eq!(number(u32::MAX), Ok(Some(u32::MAX)));
    check_faults(
        number(0),
        &[".route.retry_policy.num_retries: must be at least 1"],
    );
}

/// The delays have defaults, a least value, and an order.
#[test]
fn xds_3_2_9_retry_delays() {
    let delays = |base_interval, max_interval| {
        decode_retry(proto::RetryPolicy {
            retry_back_off: Some(RetryBackOff {
                base_interval,
                max_interval,
            }),
            ..retry("unavailable")
        })
    };
    let unavailable = &[Code::Unavailable];
    let millis = |millis| Some(duration(0, millis * 1_000_000));
    assert_eq!(
        delays(millis(30), None),
        Ok(Some(expected_retry(2, unavailable, 30, 300)))
    );
    assert_eq!(
        delays(millis(30), millis(40)),
        Ok(Some(expected_retry(2, unavailable, 30, 40)))
    );
    assert_eq!(
        delays(Some(duration(0, 1)), Some(duration(0, 2))),
        Ok(Some(expected_retry(2, unavailable, 1, 1)))
    );
    let place = ".route.retry_policy.retry_back_off";
    check_faults(
        delays(None, Some(duration(0, -1))),
        &[
            &format!("{place}.base_interval: is required"),
            &format!("{place}.max_interval: bad duration: 0 s and -1 ns"),
        ],
    );
    check_faults(
        delays(Some(duration(0, 0)), None),
        &[&format!("{place}.base_interval: must be above 0")],
    );
    check_faults(
        delays(millis(2), millis(1)),
        &[&format!(
            "{place}.max_interval: must be at least base_interval"
        )],
    );
}

/// The policy of a route replaces that of its virtual host, also where it has no usable code.
#[test]
fn xds_3_2_9_retry_of_virtual_host() {
    let mut routes = resources::route_configuration("routes", []);
    let host = &mut routes.virtual_hosts[0];
    host.retry_policy = Some(retry("unavailable"));
    let with_own = |own| {
        resources::route_of(
            "",
            proto::RouteAction {
                retry_policy: own,
                ..to_cluster("a")
            },
        )
    };
    host.routes = vec![
        with_own(None),
        with_own(Some(retry("internal"))),
        with_own(Some(retry("5xx"))),
    ];
    let routes = decode(&routes).expect("valid");
    let codes: Vec<_> = routes.virtual_hosts[0]
        .routes
        .iter()
        .map(|route| match &route.action {
            RouteAction::Forward(action) => action
                .retry
                .as_ref()
                .map(|retry| retry.retryable_codes.clone()),
            RouteAction::NotForClients => None,
        })
        .collect();
    assert_eq!(
        codes,
        [
            Some(vec![Code::Unavailable]),
            Some(vec![Code::Internal]),
            None
        ]
    );
}

/// Headers and the channel yield hashes, other sources never do.
#[test]
fn xds_3_2_10_hash_policies() {
    let policy = |policy_specifier, terminal| HashMessage {
        policy_specifier,
        terminal,
    };
    let of_header = |name: &str, rewrite: Option<(&str, &str)>| {
        PolicySpecifier::Header(Header {
            header_name: name.to_owned(),
            regex_rewrite: rewrite.map(|(pattern, substitution)| {
                matcher::RegexMatchAndSubstitute {
                    pattern: Some(regex(pattern)),
                    substitution: substitution.to_owned(),
                }
            }),
        })
    };
    let state = |key: &str| {
        PolicySpecifier::FilterState(FilterState {
            key: key.to_owned(),
        })
    };
    let policies = |hash_policy| {
        let action = proto::RouteAction {
            hash_policy,
            ..to_cluster("a")
        };
        decode_action(action).map(|action| action.hash_policies)
    };
    let decoded = |source, is_terminal| HashPolicy {
        source,
        is_terminal,
    };
    let header = |rewrite| HashSource::Header {
        name: http::HeaderName::from_static("x-user"),
        rewrite,
    };
    let rewrite = Rewrite::new("(a+)b", "\\1-\\\\").expect("a rewrite");
    assert_eq!(
        policies(vec![
            policy(Some(of_header("X-User", None)), true),
            policy(
                Some(of_header("x-user", Some(("(a+)b", "\\1-\\\\")))),
                false
            ),
            policy(Some(of_header(":path", None)), false),
            policy(Some(state("io.grpc.channel_id")), false),
            policy(Some(state("other")), false),
            policy(None, true),
        ]),
        Ok(vec![
            decoded(header(None), true),
            decoded(header(Some(rewrite)), false),
            decoded(HashSource::Unsupported, false),
            decoded(HashSource::ChannelId, false),
            decoded(HashSource::Unsupported, false),
            decoded(HashSource::Unsupported, true),
        ])
    );
    let bad = |pattern, substitution| {
        let header = of_header("x", Some((pattern, substitution)));
        policies(vec![policy(Some(header), false)])
    };
    let place = ".route.hash_policy[0].header.regex_rewrite";
    check_faults(
        bad("a(", ""),
        &[&format!(
            "{place}: \"a(\" is no regular expression: unclosed group"
        )],
    );
    check_faults(
        bad("a", "\\1"),
        &[&format!(
            "{place}: the substitution has \\1, a group that is not in the pattern"
        )],
    );
    for substitution in ["\\", "\\n"] {
        check_faults(
            bad("a", substitution),
            &[&format!(
                "{place}: a backslash in the substitution must precede a digit or a backslash"
            )],
        );
    }
    let long = "x".repeat(4097);
    check_faults(
        bad("a", &long),
        &[&format!(
            "{place}: the substitution has 4097 bytes, the most are 4096"
        )],
    );
}

/// Only a trusted server decides about the authority of calls.
#[test]
fn xds_3_2_12_auto_host_rewrite() {
    let action = |rewrite: Option<bool>| proto::RouteAction {
        host_rewrite_specifier: rewrite.map(HostRewriteSpecifier::AutoHostRewrite),
        ..to_cluster("a")
    };
    let rewrites = |server, rewrite| {
        let routes =
            resources::route_configuration("routes", [resources::route_of("", action(rewrite))]);
        let kind = ResourceType::RouteConfiguration;
        let routes = routes_of(decoding::decode_from(kind, &routes, server)?)?;
        match &routes.virtual_hosts[0].routes[0].action {
            RouteAction::Forward(action) => Ok(action.auto_host_rewrite),
            RouteAction::NotForClients => Err("not for clients".to_owned()),
        }
    };
    let (plain, trusted) = (decoding::server(), decoding::trusted_server());
    assert_eq!(rewrites(&trusted, Some(true)), Ok(true));
    assert_eq!(rewrites(&trusted, Some(false)), Ok(false));
    assert_eq!(rewrites(&trusted, None), Ok(false));
    assert_eq!(rewrites(&plain, Some(true)), Ok(false));
}

/// All faults are collected, at most 20 of a resource.
#[test]
fn xds_3_0_3_all_faults() {
    let routes = (0..25).map(|_| proto::Route::default());
    let faults = decode_host(routes).expect_err("faulty");
    let lines: Vec<_> = faults.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[19], "virtual_hosts[0].routes[19].match: is required");
    assert_eq!(lines[20], "and 5 more");
}

/// The routes and virtual hosts of a resource are limited: in memory they take many times the bytes
/// that they take in a message.
#[test]
fn xds_3_2_limits() {
    let routes = |routes: usize| {
        let route = resources::route("", "a");
        decode_host(std::iter::repeat_n(route, routes)).map(|host| host.routes.len())
    };
    assert_eq!(routes(99_999), Ok(99_999));
    assert_eq!(
        routes(100_001),
        Err(
            "virtual_hosts[0].routes[99999]: the resource has more than 100000 routes and virtual \
             hosts"
                .to_owned()
        )
    );
}

/// Bytes that are no message are a fault of their place.
#[test]
fn xds_3_0_1_malformed() {
    /// A route configuration with any bytes as its virtual hosts.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Raw {
        #[prost(bytes = "vec", repeated, tag = "2")]
        virtual_hosts: Vec<Vec<u8>>,
    }

    let good = resources::virtual_host("good", ["*"], []);
    let hosts = vec![good.encode_to_vec(), vec![0xff]];
    let raw = Raw {
        virtual_hosts: hosts,
    };
    assert_eq!(
        decoding::decode(ResourceType::RouteConfiguration, &raw).err(),
        Some("virtual_hosts[1]: malformed protobuf message".to_owned())
    );
}
