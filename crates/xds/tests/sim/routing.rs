//! 3.1, 3.2, 4.1, 4.2: where the routes of a call come from, and which of them it takes.

use std::time::Duration;

use http::Request;
use trunkline_channel::Channel;
use trunkline_sim::ConnectFate;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, call_with, check_failure, routes};

use envoy::config::listener::v3::Listener;
use envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_match::PathSpecifier;
use envoy::config::route::v3::{FilterAction, HeaderMatcher, NonForwardingAction, Route};
use envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy::r#type::matcher::v3::{RegexMatcher, StringMatcher};
use envoy::r#type::v3::Int64Range;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a mesh with the cluster `cluster` of the first backend and the cluster `other` of the second.
fn mesh(seed: u64) -> (Mesh, Channel) {
    let mesh = Mesh::with_backends(seed, [1, 2]);
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    mesh.plane.set(resources::cluster("other"));
    mesh.plane.set(resources::endpoints("other", [backend(2)]));
    let channel = mesh.channel();
    (mesh, channel)
}

/// Returns the names that the client watches, in the order of the types.
fn watched(mesh: &Mesh) -> Vec<String> {
    let resources = mesh.resources().into_iter();
    resources.map(|one| one.name.to_string()).collect()
}

/// 4.1: the routes move from a route configuration of their own to the listener, to another route
/// configuration, and back. No call fails, and the old ones are not watched.
#[test]
fn xds_4_1_between_rds_and_inline_routes() {
    let (mesh, channel) = mesh(630);
    let other = |name: &str, cluster: &str| {
        resources::route_configuration(name, [resources::route("", cluster)])
    };
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let inline = routes([resources::route("", "other")]);
        mesh.plane.set(resources::inline_listener("orders", inline));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        assert_eq!(watched(&mesh), ["orders", "other", "other"]);

        // The listener comes before the routes that it names: the old ones stay in force meanwhile.
        mesh.plane.set(resources::listener("orders", "later"));
        for _ in 0..5 {
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        }
        mesh.plane.set(other("later", "cluster"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(watched(&mesh), ["orders", "later", "cluster", "endpoints"]);

        mesh.plane.set(routes([resources::route("", "other")]));
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// 3.1.1, 4.8: a listener for servers is valid, and of no use for a channel. One for clients heals it.
#[test]
fn xds_3_1_1_a_listener_for_servers() {
    let (mesh, channel) = mesh(631);
    mesh.plane.set(Listener {
        name: "orders".to_owned(),
        ..Listener::default()
    });
    mesh.sim.run(async {
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: listener \"orders\" is for servers: it has no api_listener; xDS node \
             \"n1\"",
        );
        mesh.sleep(SECOND).await;
        let requests = mesh.plane.requests();
        assert_eq!(requests[1].message.error_detail, None);
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 3.2.7, 4.8: a route that is no route for clients fails its calls, and those of no other.
#[test]
fn xds_3_2_7_routes_that_are_not_for_clients() {
    let (mesh, channel) = mesh(632);
    let with = |prefix: &str, action: Option<Action>| Route {
        action,
        ..resources::route(prefix, "cluster")
    };
    mesh.plane.set(routes([
        with("/filter/", Some(Action::FilterAction(FilterAction {}))),
        with(
            "/server/",
            Some(Action::NonForwardingAction(NonForwardingAction {})),
        ),
        with("/none/", None),
        resources::route("", "cluster"),
    ]));
    mesh.sim.run(async {
        for path in ["/filter/M", "/server/M", "/none/M"] {
            let expected =
                format!("UNAVAILABLE: the route for {path} is not for clients; xDS node \"n1\"");
            check_failure(call(&channel, path).await, &expected);
        }
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// The values of the header, and whether the condition takes the call.
type HeaderCase<'a> = (&'a [&'a str], bool);

/// Checks which of these headers a condition takes: calls that it takes go to the second backend.
fn check_header(seed: u64, specifier: HeaderMatchSpecifier, cases: &[HeaderCase<'_>]) {
    for invert in [false, true] {
        let (mesh, channel) = mesh(seed);
        let mut chosen = resources::route("", "other");
        let conditions = chosen.r#match.as_mut().expect("the conditions of a route");
        conditions.headers = vec![HeaderMatcher {
            // Names are compared without case.
            name: "X-Env".to_owned(),
            invert_match: invert,
            header_match_specifier: Some(specifier.clone()),
        }];
        mesh.plane
            .set(routes([chosen, resources::route("", "cluster")]));
        let is_present = matches!(specifier, HeaderMatchSpecifier::PresentMatch(_));
        mesh.sim.run(async {
            for (values, expected) in cases {
                let head = values.iter().fold(Request::post("/a.B/C"), |head, value| {
                    head.header("x-env", *value)
                });
                // An absent header takes no call, inverted or not, except for "present".
                let expected = (*expected != invert) && (is_present || !values.is_empty());
                let backend = backend(if expected { 2 } else { 1 });
                let answer = call_with(&channel, head).await;
                assert_eq!(answer, Ok(backend), "{values:?} {specifier:?} {invert}");
            }
        });
    }
}

/// 3.2.5: every kind of condition on headers, as it is and inverted: of one value, of several values, which
/// are joined by commas, and of an absent header.
#[test]
fn xds_3_2_5_every_kind_of_header_condition() {
    use HeaderMatchSpecifier as Kind;

    let text = |text: &str| text.to_owned();
    let regex = |regex: &str| RegexMatcher {
        regex: regex.to_owned(),
    };
    let string = |pattern| {
        Kind::StringMatch(StringMatcher {
            match_pattern: Some(pattern),
            ignore_case: true,
        })
    };
    let kinds: [(HeaderMatchSpecifier, &[HeaderCase<'_>]); 10] = [
        (
            Kind::ExactMatch(text("tv")),
            &[
                (&["tv"], true),
                (&["abc", "tv"], false),
                (&["TV"], false),
                (&[], false),
            ],
        ),
        (
            Kind::ExactMatch(text("abc,tv")),
            &[
                (&["abc", "tv"], true),
                (&["abc,tv"], true),
                (&["tv", "abc"], false),
            ],
        ),
        (
            Kind::SafeRegexMatch(regex("^t+v*$")),
            &[
                (&["tttvv"], true),
                (&["abc", "tttvv"], false),
                (&["tvx"], false),
                (&[], false),
            ],
        ),
        (
            Kind::RangeMatch(Int64Range {
                start: -10,
                end: 10,
            }),
            &[
                (&["-5"], true),
                (&["-10"], true),
                (&["10"], false),
                (&["x"], false),
                (&["1", "2"], false),
                (&[], false),
            ],
        ),
        (Kind::PresentMatch(true), &[(&["x"], true), (&[], false)]),
        (Kind::PresentMatch(false), &[(&["x"], false), (&[], true)]),
        (
            Kind::PrefixMatch(text("tv")),
            &[
                (&["tv123"], true),
                (&["tv123", "abc"], true),
                (&["abc", "tv123"], false),
                (&[], false),
            ],
        ),
        (
            Kind::SuffixMatch(text("tv")),
            &[
                (&["123tv"], true),
                (&["abc", "123tv"], true),
                (&["123tv", "abc"], false),
                (&[], false),
            ],
        ),
        (
            Kind::ContainsMatch(text("tv")),
            &[(&["1tv2"], true), (&["t", "v"], false), (&[], false)],
        ),
        (
            string(MatchPattern::Contains(text("tv"))),
            &[
                (&["1TV2"], true),
                (&["t"], false),
                (&[""], false),
                (&[], false),
            ],
        ),
    ];
    for (seed, (specifier, cases)) in (6000..).zip(kinds) {
        check_header(seed, specifier, cases);
    }
}

/// 3.2.4: every kind of condition on paths; the first route that takes a call counts.
#[test]
fn xds_3_2_4_every_kind_of_path_condition() {
    let (mesh, channel) = mesh(633);
    let with = |path: PathSpecifier, case_sensitive: Option<bool>| {
        let mut route = resources::route("", "other");
        let conditions = route.r#match.as_mut().expect("the conditions of a route");
        conditions.path_specifier = Some(path);
        conditions.case_sensitive = case_sensitive;
        route
    };
    let text = |text: &str| text.to_owned();
    mesh.plane.set(routes([
        with(PathSpecifier::Path(text("/s/exact")), None),
        with(PathSpecifier::Path(text("/s/ANY")), Some(false)),
        with(PathSpecifier::Prefix(text("/Pre")), Some(false)),
        with(
            PathSpecifier::SafeRegex(RegexMatcher {
                regex: text("^/r+/m.*$"),
            }),
            None,
        ),
        resources::route("/", "cluster"),
    ]));
    mesh.sim.run(async {
        for path in ["/s/exact", "/s/any", "/prefix/m", "/rrr/me"] {
            assert_eq!(call(&channel, path).await, Ok(backend(2)), "{path}");
        }
        for path in ["/s/Exact", "/s/exact2", "/s/anyone", "/r/n", "/x/rrr/m"] {
            assert_eq!(call(&channel, path).await, Ok(backend(1)), "{path}");
        }
    });
}

/// 3.2.2: the virtual host is the best one for the authority of the channel, whatever the order is.
#[test]
fn xds_3_2_2_the_best_virtual_host() {
    for (seed, target, name) in [
        (634, "xds:///foo.bar.com", "exact"),
        (635, "xds:///123.bar.com", "suffix"),
        (636, "xds:///foo.bar.org", "prefix"),
        (637, "xds:///abc.123", "any"),
        // A suffix goes before a prefix, and an exact name before both.
        (638, "xds:///foo.bar.159", "several"),
        (639, "xds:///314.bar.com", "suffix"),
        (640, "xds:///pi.foo.bar.com", "several"),
    ] {
        let (mesh, _) = mesh(seed);
        let hosts: [(&str, &[&str]); 5] = [
            ("any", &["*"]),
            ("prefix", &["foo.bar.*"]),
            ("suffix", &["*.bar.com"]),
            ("exact", &["foo.bar.com"]),
            ("several", &["pi.foo.bar.com", "314.*", "*.159"]),
        ];
        let mut config = routes([]);
        config.virtual_hosts = hosts
            .iter()
            .map(|(host, domains)| {
                let cluster = if *host == name { "other" } else { "cluster" };
                let route = resources::route("", cluster);
                resources::virtual_host(host, domains.iter().copied(), [route])
            })
            .collect();
        mesh.plane.set(config);
        let listener = target.trim_start_matches("xds:///");
        mesh.plane.set(resources::listener(listener, "routes"));
        let channel = mesh.channel_with(target, mesh.xds(mesh.bootstrap()));
        mesh.sim.run(async {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)), "{target}");
        });
    }
}

/// 4.2: a cluster that no route names any more is watched until the last call that has it has ended, and
/// no longer. Such a call is answered.
#[test]
fn xds_4_2_calls_hold_their_cluster() {
    let mesh = Mesh::with_backends(641, [2]);
    mesh.sim.backend(backend(1));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    mesh.plane.set(resources::cluster("other"));
    mesh.plane.set(resources::endpoints("other", [backend(2)]));
    let channel = mesh.channel();
    let is_watched = || watched(&mesh).contains(&"endpoints".to_owned());
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        // The backend goes, so that two calls wait for it.
        mesh.plane.set(resources::endpoints("endpoints", []));
        mesh.sleep(SECOND).await;
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(3)]));
        mesh.sim.net().set_fate(backend(3), ConnectFate::Silent);
        mesh.sleep(SECOND).await;
        let held = futures_util::future::join(call(&channel, "/a.B/C"), call(&channel, "/a.B/C"));
        let moved = async {
            mesh.sleep(SECOND).await;
            mesh.plane.set(routes([resources::route("", "other")]));
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
            assert!(is_watched());
            mesh.plane
                .set(resources::endpoints("endpoints", [backend(1)]));
        };
        let ((first, second), ()) = futures_util::future::join(held, moved).await;
        assert_eq!((first, second), (Ok(backend(1)), Ok(backend(1))));
        mesh.sleep(SECOND).await;
        assert!(!is_watched());
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// 4.1, 4.8: the virtual host of the channel goes: its error replaces what was in force, and what that led
/// to is not watched any more. A new one heals the channel.
#[test]
fn xds_4_8_a_virtual_host_that_goes() {
    let (mesh, channel) = mesh(642);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let mut other = routes([]);
        other.virtual_hosts[0].domains = vec!["carts".to_owned()];
        mesh.plane.set(other);
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: route configuration \"routes\" has no virtual host for \"orders\" (it has \
             \"carts\"); xDS node \"n1\"",
        );
        assert_eq!(watched(&mesh), ["orders", "routes"]);
        mesh.plane.set(routes([resources::route("", "other")]));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}
