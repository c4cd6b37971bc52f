//! The choice of each call's route and cluster: sections 3.2 and 4 of the specification.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use trunkline_endpoint::{AttributeKey, Attributes};
use trunkline_lb::RequestHash;
use trunkline_service_config::{
    AttemptPolicy, CallConfig, CallInfo, ConfigSelector, MethodConfig, RetryPolicy,
};
use trunkline_status::{Code, Status};
use trunkline_xds::core::resources::{
    ApiListener, FilterOverrides, ForwardAction, Fraction, HashPolicy, HashSource, HeaderCondition,
    HeaderMatcher, Listener, PathMatcher, Pattern, Rewrite, Route, RouteAction, RouteConfiguration,
    RouteSource, SkippedRoute, StringMatcher, VirtualHost, WeightedCluster,
};
use trunkline_xds::core::{
    AutoHostRewrite, ClusterHold, ClusterOfCall, ClusterReleased, RouteSelector, SelectorOptions,
    XdsConfig, explain,
};

/// Records the clusters that nothing uses any more.
#[derive(Debug, Default)]
pub(crate) struct Released(Mutex<Vec<Arc<str>>>);

impl Released {
    fn take(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

impl ClusterReleased for Released {
    fn handle_release(&self, cluster: &Arc<str>) {
        self.0.lock().expect("no panic").push(Arc::clone(cluster));
    }
}

fn prefix(text: &str) -> PathMatcher {
    PathMatcher::Prefix {
        text: text.into(),
        ignore_case: false,
    }
}

fn forward<'a>(clusters: impl IntoIterator<Item = (&'a str, u32)>) -> ForwardAction {
    let clusters = clusters.into_iter().map(|(name, weight)| WeightedCluster {
        name: name.into(),
        weight,
        filter_overrides: FilterOverrides::new(),
    });
    ForwardAction {
        clusters: clusters.collect(),
        max_stream_duration: None,
        retry: None,
        hash_policies: Vec::new(),
        auto_host_rewrite: false,
    }
}

fn route_with(path: &str, action: ForwardAction) -> Route {
    Route {
        index: 0,
        name: "".into(),
        path: prefix(path),
        headers: Vec::new(),
        fraction: None,
        action: RouteAction::Forward(action),
        filter_overrides: FilterOverrides::new(),
    }
}

pub(crate) fn route(path: &str, cluster: &str) -> Route {
    route_with(path, forward([(cluster, 1)]))
}

fn host_of(routes: impl IntoIterator<Item = Route>) -> VirtualHost {
    let routes = routes.into_iter().enumerate();
    VirtualHost {
        name: "host".into(),
        domains: Vec::new(),
        routes: routes
            .map(|(index, route)| Route { index, ..route })
            .collect(),
        skipped_routes: Vec::new(),
        filter_overrides: FilterOverrides::new(),
    }
}

pub(crate) fn config_of(routes: impl IntoIterator<Item = Route>) -> XdsConfig {
    let virtual_host = Arc::new(host_of(routes));
    let route_config = Arc::new(RouteConfiguration {
        name: "routes".into(),
        virtual_hosts: vec![Arc::clone(&virtual_host)],
    });
    let listener = Listener {
        name: "orders".into(),
        api: Some(ApiListener {
            routes: RouteSource::Inline(Arc::clone(&route_config)),
            max_stream_duration: Some(Duration::from_secs(5)),
            http_filters: Vec::new(),
        }),
    };
    XdsConfig {
        listener: Arc::new(listener),
        route_config,
        virtual_host,
        clusters: BTreeMap::new(),
    }
}

const SEED: u64 = 42;

/// Returns a selector. The policies of clusters whose names start with `ring` need a hash.
fn selector_with(config: &XdsConfig, released: &Arc<Released>) -> RouteSelector {
    selector_with_options(
        config,
        SelectorOptions::new("node-1".into(), SEED),
        released,
    )
}

/// Returns a selector with these options.
pub(crate) fn selector_with_options(
    config: &XdsConfig,
    options: SelectorOptions,
    released: &Arc<Released>,
) -> RouteSelector {
    let hold = |cluster: &Arc<str>| {
        let released: Arc<dyn ClusterReleased> = Arc::<Released>::clone(released);
        ClusterHold::new(Arc::clone(cluster), released)
    };
    RouteSelector::new(config, options, hold, |cluster| cluster.starts_with("ring"))
}

fn selector(routes: impl IntoIterator<Item = Route>) -> RouteSelector {
    selector_with(&config_of(routes), &Arc::default())
}

pub(crate) fn metadata(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    map
}

fn select<'a>(
    selector: &'a RouteSelector,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<CallConfig<'a>, Status> {
    let (metadata, attributes) = (metadata(headers), Attributes::new());
    selector.select(&CallInfo::new(path, &metadata, &attributes))
}

fn cluster_of(config: &CallConfig<'_>) -> String {
    let attributes = config.attributes.as_ref().expect("attributes");
    let hold = attributes.get::<ClusterOfCall>().expect("a cluster");
    hold.cluster().to_string()
}

fn hash_of(config: &CallConfig<'_>) -> Option<u64> {
    let attributes = config.attributes.as_ref().expect("attributes");
    attributes.get::<RequestHash>().copied()
}

/// Returns the cluster of a call.
#[track_caller]
fn chosen(selector: &RouteSelector, path: &str, headers: &[(&str, &str)]) -> String {
    cluster_of(&select(selector, path, headers).expect("a route"))
}

/// The first route whose conditions hold is taken, also if it is not for clients.
#[test]
fn xds_3_2_3_first_route() {
    let mut not_for_clients = route("/b", "");
    not_for_clients.action = RouteAction::NotForClients;
    let selector = selector([
        route("/a", "one"),
        route("/a/b", "two"),
        not_for_clients,
        route("/", "rest"),
    ]);
    assert_eq!(chosen(&selector, "/a/b", &[]), "one");
    assert_eq!(chosen(&selector, "/c/d", &[]), "rest");
    let status = select(&selector, "/b/m", &[]).expect_err("not for clients");
    let text = r#"the route for /b/m is not for clients; xDS node "node-1""#;
    assert_eq!(status, Status::unavailable(text));
}

/// A call that no route takes fails, and the error names the virtual host and the path.
#[test]
fn xds_4_8_no_route() {
    let selector = selector([route("/a", "one")]);
    let status = select(&selector, "/b/m", &[]).expect_err("no route");
    let text = r#"no route of virtual host "host" matches /b/m; xDS node "node-1""#;
    assert_eq!(status, Status::unavailable(text));
}

fn matcher(name: &str, condition: HeaderCondition, invert: bool) -> HeaderMatcher {
    HeaderMatcher {
        name: name.into(),
        condition,
        invert,
    }
}

fn exact(text: &str) -> HeaderCondition {
    HeaderCondition::Text(StringMatcher::Exact {
        text: text.into(),
        ignore_case: false,
    })
}

/// Checks whether a condition holds for a call, and whether the inverted one does.
#[track_caller]
fn check_header(
    name: &str,
    condition: &HeaderCondition,
    headers: &[(&str, &str)],
    holds: bool,
    inverted_holds: bool,
) {
    let matches = |invert| matcher(name, condition.clone(), invert).matches(&metadata(headers));
    let found = (matches(false), matches(true));
    assert_eq!(found, (holds, inverted_holds), "{condition:?} {headers:?}");
}

/// An absent header meets no condition, and no inverted one, except that of its presence.
#[test]
fn xds_3_2_5_absent_header() {
    let present = [("x", "1")];
    check_header("x", &exact("1"), &present, true, false);
    check_header("x", &exact("2"), &present, false, true);
    check_header("x", &exact("1"), &[], false, false);
    check_header("x", &HeaderCondition::Present(true), &present, true, false);
    check_header("x", &HeaderCondition::Present(true), &[], false, true);
    check_header("x", &HeaderCondition::Present(false), &present, false, true);
    check_header("x", &HeaderCondition::Present(false), &[], true, false);
}

/// A range is of decimal integers, without its end. A bad number is outside.
#[test]
fn xds_3_2_5_range() {
    let range = HeaderCondition::Range { start: -3, end: 10 };
    for (value, holds) in [
        ("-3", true),
        ("9", true),
        ("10", false),
        ("-4", false),
        ("1.5", false),
        ("x", false),
        ("99999999999999999999", false),
    ] {
        check_header("x", &range, &[("x", value)], holds, !holds);
    }
}

/// Conditions on texts compare as they are named.
#[test]
fn xds_3_2_5_texts() {
    let text = |matcher| HeaderCondition::Text(matcher);
    let check = |condition: HeaderCondition, value: &str, holds| {
        check_header("x", &condition, &[("x", value)], holds, !holds);
    };
    let boxed = |text: &str| text.into();
    for (ignore_case, upper) in [(false, false), (true, true)] {
        let prefix = text(StringMatcher::Prefix {
            text: boxed("ab"),
            ignore_case,
        });
        check(prefix.clone(), "abc", true);
        check(prefix.clone(), "ABc", upper);
        check(prefix, "a", false);
        let suffix = text(StringMatcher::Suffix {
            text: boxed("bc"),
            ignore_case,
        });
        check(suffix.clone(), "abc", true);
        check(suffix.clone(), "aBC", upper);
        check(suffix, "c", false);
        let contains = text(StringMatcher::Contains {
            text: boxed("b"),
            ignore_case,
        });
        check(contains.clone(), "abc", true);
        check(contains.clone(), "aBc", upper);
        check(contains, "", false);
        let exact = text(StringMatcher::Exact {
            text: boxed("ab"),
            ignore_case,
        });
        check(exact.clone(), "ab", true);
        check(exact.clone(), "AB", upper);
        check(exact, "abc", false);
    }
    let regex = text(StringMatcher::Regex(Pattern::new("a+").expect("a pattern")));
    check(regex.clone(), "aaa", true);
    check(regex, "aab", false);
}

/// Several values are joined by commas.
#[test]
fn xds_3_2_5_joined_values() {
    let values = [("x", "a"), ("x", "b"), ("x", "c")];
    check_header("x", &exact("a,b,c"), &values, true, false);
    check_header("x", &exact("a"), &values, false, true);
}

/// Binary headers, pseudo-headers and those of the transport count as absent; the content type has a
/// default.
#[test]
fn xds_3_2_5_invisible_headers() {
    for name in [
        "x-bin",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-previous-rpc-attempts",
    ] {
        check_header(name, &exact("1"), &[(name, "1")], false, false);
        let present = HeaderCondition::Present(true);
        check_header(name, &present, &[(name, "1")], false, true);
    }
    check_header(":path", &HeaderCondition::Present(true), &[], false, true);
    check_header(
        "grpc-custom",
        &exact("1"),
        &[("grpc-custom", "1")],
        true,
        false,
    );
    let grpc = exact("application/grpc");
    check_header("content-type", &grpc, &[], true, false);
    let other = [("content-type", "application/grpc+json")];
    check_header("content-type", &grpc, &other, false, true);
    check_header(
        "content-type",
        &HeaderCondition::Present(true),
        &[],
        true,
        false,
    );
}

/// All conditions of a route must hold.
#[test]
fn xds_3_2_5_all_headers() {
    let mut first = route("/", "one");
    first.headers = vec![
        matcher("a", exact("1"), false),
        matcher("b", exact("2"), false),
    ];
    let selector = selector([first, route("/", "two")]);
    assert_eq!(chosen(&selector, "/s/m", &[("a", "1"), ("b", "2")]), "one");
    assert_eq!(chosen(&selector, "/s/m", &[("a", "1"), ("b", "3")]), "two");
    assert_eq!(chosen(&selector, "/s/m", &[]), "two");
}

/// Counts which clusters are chosen for calls.
fn counts(selector: &RouteSelector, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(chosen(selector, "/s/m", &[])).or_default() += 1;
    }
    counts
}

/// A route takes its share of the calls; 0 % take none, and 100 % all.
#[test]
fn xds_3_2_6_fraction() {
    let with_share = |millionths, calls| {
        let mut first = route("/", "one");
        first.fraction = Some(Fraction::from_millionths(millionths));
        counts(&selector([first, route("/", "two")]), calls)
    };
    assert_eq!(
        with_share(0, 10_000),
        BTreeMap::from([("two".to_owned(), 10_000)])
    );
    assert_eq!(
        with_share(1_000_000, 10_000),
        BTreeMap::from([("one".to_owned(), 10_000)])
    );
    let ones = with_share(250_000, 40_000)["one"];
    // Five standard deviations of 40,000 draws are 433.
    assert!((9_567..=10_433).contains(&ones), "{ones}");
}

/// The clusters of a route share its calls by weight.
#[test]
fn xds_4_2_weighted_clusters() {
    let routes = [route_with("/", forward([("a", 1), ("b", 2), ("c", 7)]))];
    let counts = counts(&selector(routes), 40_000);
    for (cluster, expected) in [("a", 4_000), ("b", 8_000), ("c", 28_000)] {
        let count = counts[cluster];
        assert!(count.abs_diff(expected) < 500, "{cluster}: {count}");
    }
}

/// The timeout is that of the route, else that of the listener; 0 is none.
#[test]
fn xds_4_3_timeout() {
    let timeout = |own: Option<u64>| {
        let mut action = forward([("a", 1)]);
        action.max_stream_duration = own.map(Duration::from_secs);
        let selector = selector([route_with("/", action)]);
        let config = select(&selector, "/s/m", &[]).expect("a route");
        config.method.and_then(|method| method.timeout)
    };
    assert_eq!(timeout(Some(3)), Some(Duration::from_secs(3)));
    assert_eq!(timeout(None), Some(Duration::from_secs(5)));
    assert_eq!(timeout(Some(0)), None);
}

/// The retry policy of the route becomes that of its calls.
#[test]
fn xds_3_2_9_retry() {
    let policy = RetryPolicy::new(4, [Code::Unavailable]);
    let mut action = forward([("a", 1)]);
    action.retry = Some(policy.clone());
    let selector = selector([route_with("/", action)]);
    let config = select(&selector, "/s/m", &[]).expect("a route");
    let expected = MethodConfig::default()
        .with_timeout(Duration::from_secs(5))
        .with_attempts(AttemptPolicy::Retry(policy));
    assert_eq!(config.method, Some(&expected));
}

/// Returns the hash of a call whose route has these policies, if its cluster needs one.
fn hash(policies: Vec<HashPolicy>, headers: &[(&str, &str)]) -> u64 {
    let mut action = forward([("ring", 1)]);
    action.hash_policies = policies;
    let selector = selector([route_with("/", action)]);
    hash_of(&select(&selector, "/s/m", headers).expect("a route")).expect("a hash")
}

fn header_policy(rewrite: Option<(&str, &str)>, is_terminal: bool) -> HashPolicy {
    let rewrite = rewrite.map(|(pattern, with)| Rewrite::new(pattern, with).expect("a rewrite"));
    HashPolicy {
        source: HashSource::Header {
            name: HeaderName::from_static("x"),
            rewrite,
        },
        is_terminal,
    }
}

fn policy(source: HashSource, is_terminal: bool) -> HashPolicy {
    HashPolicy {
        source,
        is_terminal,
    }
}

/// The XXH64 of `value`, with the seed 0.
fn xxh64(value: &str) -> u64 {
    twox_hash::XxHash64::oneshot(0, value.as_bytes())
}

/// The hash of a header is that of its values, joined; a pattern is replaced everywhere.
#[test]
fn xds_4_4_hash_of_header() {
    // The test vector of XXH64 for "abc".
    assert_eq!(xxh64("abc"), 0x44bc_2cf5_ad77_0999);
    let plain = || vec![header_policy(None, false)];
    assert_eq!(hash(plain(), &[("x", "abc")]), xxh64("abc"));
    assert_eq!(hash(plain(), &[("x", "a"), ("x", "b")]), xxh64("a,b"));
    let rewritten = |pattern, with| {
        let policies = vec![header_policy(Some((pattern, with)), false)];
        hash(policies, &[("x", "user-1/user-22/end")])
    };
    assert_eq!(
        rewritten("user-(\\d+)", "<\\1\\\\$1>"),
        xxh64("<1\\$1>/<22\\$1>/end")
    );
    assert_eq!(rewritten("/.*", ""), xxh64("user-1"));
    assert_eq!(rewritten("e", "\\0\\0"), xxh64("useer-1/useer-22/eend"));
    assert_eq!(rewritten("none", "x"), xxh64("user-1/user-22/end"));
}

/// Hashes are combined in order. A terminal policy ends that, if there is a hash by then.
#[test]
fn xds_4_4_combined() {
    let channel = SelectorOptions::new("node-1".into(), SEED).channel_id;
    let of_channel = |is_terminal| policy(HashSource::ChannelId, is_terminal);
    let header = |is_terminal| header_policy(None, is_terminal);
    let headers = [("x", "abc")];
    let abc = xxh64("abc");
    assert_eq!(
        hash(vec![header(false), of_channel(false)], &headers),
        abc.rotate_left(1) ^ channel
    );
    assert_eq!(
        hash(vec![of_channel(false), header(false)], &headers),
        channel.rotate_left(1) ^ abc
    );
    assert_eq!(hash(vec![header(true), of_channel(false)], &headers), abc);
    assert_eq!(hash(vec![header(true), of_channel(false)], &[]), channel);
    let unsupported = policy(HashSource::Unsupported, true);
    assert_eq!(
        hash(vec![unsupported.clone(), of_channel(false)], &headers),
        channel
    );
    assert_eq!(
        hash(
            vec![header(false), unsupported, of_channel(false)],
            &headers
        ),
        abc
    );
}

/// A call without a hash of its route gets a random one, if the policy of its cluster needs one.
#[test]
fn xds_4_4_random_hash() {
    let selector = selector([route("/ring", "ring"), route("/", "other")]);
    let hash = |path| hash_of(&select(&selector, path, &[]).expect("a route"));
    let (one, two) = (hash("/ring/m"), hash("/ring/m"));
    assert!(
        one.is_some() && two.is_some() && one != two,
        "{one:?} {two:?}"
    );
    assert_eq!(hash("/s/m"), None);
    let missing = |header| {
        let policies = vec![header_policy(None, false)];
        self::hash(policies, header)
    };
    assert_ne!(missing(&[]), xxh64(""));
}

/// A call of a route with `auto_host_rewrite` has the mark for it.
#[test]
fn xds_4_7_auto_host_rewrite() {
    let mut action = forward([("a", 1)]);
    action.auto_host_rewrite = true;
    let selector = selector([route_with("/a", action), route("/", "a")]);
    let is_marked = |path| {
        let config = select(&selector, path, &[]).expect("a route");
        let attributes = config.attributes.expect("attributes");
        attributes.get::<AutoHostRewrite>().is_some()
    };
    assert_eq!((is_marked("/a/m"), is_marked("/s/m")), (true, false));
}

/// The attributes of the application stay beside the cluster.
#[test]
fn xds_4_2_attributes_of_application() {
    struct Tenant;
    impl AttributeKey for Tenant {
        type Value = u8;
        const NAME: &'static str = "tenant";
        const IDENTIFIES_CONNECTION: bool = false;
    }
    let selector = selector([route("/", "a")]);
    let (metadata, attributes) = (HeaderMap::new(), Attributes::new().with::<Tenant>(7));
    let config = selector.select(&CallInfo::new("/s/m", &metadata, &attributes));
    let config = config.expect("a route");
    assert_eq!(cluster_of(&config), "a");
    let attributes = config.attributes.expect("attributes");
    assert_eq!(attributes.get::<Tenant>(), Some(&7));
}

/// A cluster is held while its selector is there or a call uses it, and released once.
#[test]
fn xds_4_2_holds() {
    let released = Arc::new(Released::default());
    let mut rewriting = forward([("b", 1)]);
    rewriting.auto_host_rewrite = true;
    let config = config_of([
        route("/a", "a"),
        route("/b", "b"),
        route_with("/c", rewriting),
    ]);
    let selector = selector_with(&config, &released);
    let of_call = select(&selector, "/b/m", &[]).expect("a route").attributes;
    drop(selector);
    assert_eq!(released.take(), ["a".into()]);
    drop(of_call);
    assert_eq!(released.take(), ["b".into()]);
}

/// A choice allocates nothing: not for conditions on path and headers, draws, several clusters.
#[test]
fn xds_4_2_no_allocation() {
    let mut first = route_with("/s/", forward([("a", 1), ("b", 2)]));
    first.headers = vec![
        matcher("x", exact("1"), true),
        matcher("x-env", HeaderCondition::Range { start: 0, end: 9 }, false),
    ];
    first.fraction = Some(Fraction::from_millionths(500_000));
    let mut by_pattern = route("/", "c");
    by_pattern.path = PathMatcher::Regex(Pattern::new("/[a-z]+/m").expect("a pattern"));
    let selector = selector([route("/other", "d"), first, by_pattern]);
    let metadata = metadata(&[("x", "2"), ("x-env", "7")]);
    let attributes = Attributes::new();
    let call = CallInfo::new("/s/m", &metadata, &attributes);
    let mut clusters = BTreeMap::new();
    // The pattern gets its memory of this thread at its first use.
    for _ in 0..20 {
        let config = selector.select(&call).expect("a route");
        *clusters.entry(cluster_of(&config)).or_insert(0) += 1;
    }
    assert_eq!(clusters.len(), 3, "{clusters:?}");
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            drop(selector.select(&call).expect("a route"));
        }
    });
    assert_eq!(info.count_total, 0);
}

/// A selector is of use for a configuration with the same listener and virtual host.
#[test]
fn xds_4_9_same_routes() {
    let config = config_of([route("/", "a")]);
    let selector = selector_with(&config, &Arc::default());
    assert!(selector.has_routes_of(&config.clone()));
    assert!(!selector.has_routes_of(&config_of([route("/", "a")])));
}

/// The explanation of a path has a line for each route, up to the one that takes the call.
#[test]
fn xds_7_3_explanation() {
    let mut tested = route("/s/", "test");
    tested.name = "tests".into();
    tested.headers = vec![matcher(
        "x-env",
        HeaderCondition::Text(StringMatcher::Prefix {
            text: "test".into(),
            ignore_case: true,
        }),
        false,
    )];
    let mut share = route_with("/s/", forward([("a", 1), ("b", 3)]));
    share.fraction = Some(Fraction::from_millionths(125_000));
    let mut refused = route("/", "");
    refused.action = RouteAction::NotForClients;
    let mut host = host_of([
        route("/t/", "t"),
        tested,
        share,
        refused,
        route("/", "rest"),
    ]);
    // The third one, as the control plane sent it, is left out.
    for route in &mut host.routes[2..] {
        route.index += 1;
    }
    host.skipped_routes = [2, 7]
        .map(|index| SkippedRoute {
            index,
            reason: "it has a condition on query parameters".to_owned(),
        })
        .into();
    assert_eq!(
        explain(&host, "/s/m", &metadata(&[])).to_string(),
        "route 0: does not match the path\n\
         route 1 \"tests\": does not match the header: \"x-env\" must start with \"test\", in any \
         case\n\
         route 2: left out: it has a condition on query parameters\n\
         route 3: takes 12.5 % of such calls, to clusters by weight: \"a\" (1) \"b\" (3)\n\
         route 4: takes the call, which then fails: the route is not for clients"
    );
    assert_eq!(
        explain(&host, "/s/m", &metadata(&[("x-env", "Testing")])).to_string(),
        "route 0: does not match the path\n\
         route 1 \"tests\": takes the call, to cluster \"test\""
    );
    assert_eq!(
        explain(&host_of([]), "/s/m", &metadata(&[])).to_string(),
        "the virtual host has no routes"
    );
}
