//! 2.18, 7.1, 7.2, 7.3: what a client shows of itself.

use std::sync::Arc;

use trunkline_status::Code;
use trunkline_xds::core::ads::{
    AdsDump, AuthorityDump, CachedDump, ErrorDump, NoFallback, ResourceDump, ResourceState,
    ServerDump, ServerProgress,
};
use trunkline_xds::core::{AuthorityName, Bootstrap, ResourceErrorKind};

use super::driver::{
    Cluster, Driver, Endpoints, Listener, resource_error, response, seconds, server,
};

/// 7.1, 7.2: the whole state. A response with one bad resource leaves the good ones ACKED with the new
/// version; REQUESTED has nothing.
#[test]
fn xds_7_1_dump() {
    let mut driver = Driver::with(Bootstrap::new(server("a")).with_fallback(server("b")));
    for name in ["a", "b"] {
        driver.watch(Cluster, name);
    }
    driver.watch(Cluster, "a");
    driver.send(0, Cluster, "1", "x", &["a=1", "b=1"]);
    driver.pass(seconds(3));
    driver.watch(Endpoints, "e");
    driver.send(0, Cluster, "2", "y", &["a=bad", "b=2"]);

    let a = Arc::new(server("a"));
    let cached = |raw: &'static str, version: &str, after: u64| {
        Some(CachedDump {
            raw: raw.into(),
            version: version.into(),
            updated: driver.start + seconds(after),
            server: Arc::clone(&a),
        })
    };
    let fault = "virtual_hosts[0].domains: no domains";
    let resources = vec![
        ResourceDump {
            kind: Cluster,
            name: "a".into(),
            state: ResourceState::Nacked,
            watchers: 2,
            cached: cached("a=1", "1", 0),
            error: Some(ErrorDump {
                error: ResourceErrorKind::Invalid(fault.into()).into(),
                version: "2".into(),
                at: driver.start + seconds(3),
                server: Arc::clone(&a),
            }),
        },
        ResourceDump {
            kind: Cluster,
            name: "b".into(),
            state: ResourceState::Acked,
            watchers: 1,
            cached: cached("b=2", "2", 3),
            error: None,
        },
        ResourceDump {
            kind: Endpoints,
            name: "e".into(),
            state: ResourceState::Requested,
            watchers: 1,
            cached: None,
            error: None,
        },
    ];
    let expected = AdsDump {
        servers: vec![ServerDump {
            server: Arc::clone(&a),
            failure: None,
            is_held: false,
        }],
        authorities: vec![AuthorityDump {
            name: AuthorityName::Old,
            asked: vec![a],
            no_fallback: Some(NoFallback::ServerWorks),
            resources,
        }],
    };
    assert_eq!(driver.client.dump(), expected);
}

/// 2.18: "entry states, exactly one", with the version that is cached beside it.
#[test]
fn xds_2_18_states() {
    let mut own = server("a");
    own.features.resource_timer_is_transient_error = true;
    let mut driver = Driver::with(Bootstrap::new(own));
    let check = |driver: &Driver, expected: &[&str]| {
        let dump = driver.client.dump();
        let resources = dump.authorities[0].resources.iter();
        let states = resources.map(|resource| {
            let version = resource.cached.as_ref().map(|cached| &*cached.version);
            let (name, state) = (&resource.name, resource.state);
            format!("{name} {state} {}", version.unwrap_or("-"))
        });
        assert_eq!(states.collect::<Vec<_>>(), expected);
    };
    driver.watch(Cluster, "a");
    driver.watch(Cluster, "b");
    check(&driver, &["a REQUESTED -", "b REQUESTED -"]);
    driver.send(0, Cluster, "1", "n1", &["a=1", "b=bad"]);
    check(&driver, &["a ACKED 1", "b NACKED -"]);
    driver.send(0, Cluster, "2", "n2", &["a=bad", "b=1"]);
    check(&driver, &["a NACKED 1", "b ACKED 2"]);
    driver.send(0, Cluster, "3", "n3", &["a=1"]);
    check(&driver, &["a ACKED 3", "b DOES_NOT_EXIST 2"]);
    let mut refusing = response(Cluster, "4", "n4", &["a=1"]);
    refusing.resource_errors = vec![resource_error("b", Code::PermissionDenied, "not yours")];
    driver.send_response(0, refusing);
    check(&driver, &["a ACKED 4", "b RECEIVED_ERROR 2"]);
    driver.watch(Cluster, "c");
    driver.write();
    driver.pass(seconds(30));
    check(&driver, &["a ACKED 4", "b RECEIVED_ERROR 2", "c TIMEOUT -"]);
}

/// 7.2: what is not watched any more is not shown.
#[test]
fn xds_7_2_unwatched_is_not_shown() {
    let mut driver = Driver::new();
    let watch = driver.watch(Cluster, "a");
    driver.client.unwatch(watch);
    assert!(driver.client.dump().authorities.is_empty());
    driver.run();
    assert!(driver.client.dump().servers.is_empty());
}

/// 2.8, 7.2: a resource that comes again unchanged has the new version and time.
#[test]
fn xds_7_2_version_of_an_unchanged_resource() {
    let mut driver = Driver::new();
    driver.watch(Cluster, "a");
    driver.send(0, Cluster, "1", "x", &["a=1"]);
    driver.pass(seconds(3));
    driver.send(0, Cluster, "2", "y", &["a=1"]);
    let dump = driver.client.dump();
    let cached = dump.authorities[0].resources[0].cached.as_ref();
    let cached = cached.map(|cached| (&*cached.version, cached.updated));
    assert_eq!(cached, Some(("2", driver.start + seconds(3))));
}

/// 2.19: the gauge of resources, by authority, type and state.
#[test]
fn xds_2_19_resources() {
    let mut driver = Driver::new();
    for name in ["a", "b", "c", "d"] {
        driver.watch(Cluster, name);
    }
    driver.watch(Endpoints, "e");
    driver.send(0, Cluster, "1", "x", &["a=1", "b=1", "c=1"]);
    driver.send(0, Cluster, "2", "y", &["a=2", "b=bad", "d=bad"]);
    let counts = driver.client.resource_counts();
    let counts = counts.iter().map(|((authority, kind, state), count)| {
        format!(
            "{authority} {} {state} {count}",
            super::driver::short(*kind)
        )
    });
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [
            "#old CDS acked 1",
            "#old CDS does_not_exist_but_cached 1",
            "#old CDS nacked 1",
            "#old CDS nacked_but_cached 1",
            "#old EDS requested 1",
        ]
    );
}

/// 10.7: how far the server is that is asked for a resource: the first one that has not failed.
#[test]
fn xds_10_7_progress() {
    let mut driver = Driver::with(Bootstrap::new(server("a")).with_fallback(server("b")));
    let progress = |driver: &Driver| driver.client.progress(Listener, "l");
    assert_eq!(progress(&driver), None);
    driver.is_connected = false;
    driver.watch(Listener, "l");
    let [a, b] = ["a", "b"].map(|host| Arc::new(server(host)));
    let of = |server: &Arc<_>, progress| Some((Arc::clone(server), progress));
    assert_eq!(progress(&driver), of(&a, ServerProgress::NotConnected));
    driver.write();
    assert_eq!(progress(&driver), of(&a, ServerProgress::NotAnswered));
    driver.is_connected = false;
    driver.end_stream(0, "no service");
    assert_eq!(progress(&driver), of(&b, ServerProgress::NotConnected));
    driver.write();
    let why = "stream ended without a response: UNAVAILABLE: no service";
    driver.end_stream(1, "no service");
    let failed = ServerProgress::Failed(why.into());
    assert_eq!(progress(&driver), of(&b, failed));
    driver.pass(seconds(2));
    driver.write();
    driver.send(0, Listener, "1", "x", &["other=1"]);
    assert_eq!(progress(&driver), of(&a, ServerProgress::Answering));
}
