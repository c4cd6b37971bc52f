//! Tests of `trunkline watch`.

use serde_json::{Value, json};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::dns::{DnsServer, Reply, Type};
use trunkline_testkit::tls_server::TlsServer;

use crate::call::backend;
use crate::command::{json, trunkline, watch, watch_text, with_enough_time};
use crate::tls::Folder;

/// Returns whether the channel has become READY.
fn channel_is_ready(events: &[Value]) -> bool {
    let is_ready = |event: &Value| event["event"] == "channel" && event["state"] == "READY";
    events.iter().any(is_ready)
}

/// Endpoints, channel states and subchannel states are printed as they change, in order of time.
#[test]
fn a_channel_that_becomes_ready() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let (status, events) = with_enough_time(
        |seconds| {
            let time = seconds.to_string();
            json(&["watch", &target, "--lb", "round_robin", "--for", &time])
        },
        |(_, events)| channel_is_ready(events),
    );
    assert_eq!(status, 0);
    let has = |event: &str, field: &str, value: Value| {
        events
            .iter()
            .any(|object| object["event"] == event && object[field] == value)
    };
    let address = json!(backend.address_v4().to_string());
    assert!(has(
        "endpoints",
        "endpoints",
        json!([{ "addresses": [address], "attributes": {} }])
    ));
    assert!(has("subchannel", "state", json!("READY")), "{events:?}");
    assert!(has("channel", "state", json!("READY")), "{events:?}");
    let times: Vec<f64> = events
        .iter()
        .map(|object| object["at_ms"].as_f64().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// A name that does not exist is an event with the kind of the error.
#[test]
fn a_resolver_error() {
    let is_error = |event: &Value| event["event"] == "resolver_error";
    let events = watch(&["dns:///x.invalid"], |events| events.iter().any(is_error));
    let error = events.iter().find(|event| is_error(event));
    let error = error.expect("an error event");
    assert_eq!(error["error"]["kind"], "not_found");
}

/// A list is printed when it has changed, with the endpoints that are gone; another order is no
/// change. A backend that is gone is shown, too.
#[test]
fn endpoints_that_change() {
    let server = DnsServer::start().expect("a DNS server");
    let (one, two) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
    let both = || Reply::a(1, [one, two]);
    let replies = [both(), Reply::a(1, [two, one]), both(), Reply::a(1, [two])];
    server.set_each("a.test", Type::A, replies);
    server.set_default(Reply::no_data());
    let target = format!("dns://{}/a.test.:1", server.address());
    // Nothing listens on port 1: each failed attempt asks for the next resolution.
    let args = [&target, "--lb=round_robin", "--min-resolution-interval=0"];
    let shut_down = |event: &&Value| event["state"] == "SHUTDOWN";
    let events = watch(&args, |events| events.iter().any(|it| shut_down(&it)));
    assert!(server.total() >= 8, "{events:?}");
    let lists: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "endpoints")
        .collect();
    assert_eq!(lists.len(), 2, "{lists:?}");
    assert_eq!(lists[0]["endpoints"].as_array().map(Vec::len), Some(2));
    assert_eq!(lists[0]["removed"], json!([]));
    let gone = json!([{ "addresses": ["127.0.0.1:1"], "attributes": {} }]);
    assert_eq!(lists[1]["removed"], gone, "{lists:?}");
    let address = events.iter().find(shut_down).map(|it| &it["address"]);
    assert_eq!(address, Some(&json!("127.0.0.1:1")), "{events:?}");
}

/// Over TLS, the backend becomes READY where its certificate is trusted, and the reason is printed where
/// it is not; for scripts and for people.
#[test]
fn over_tls() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = server_config(&authority.issue(&["localhost"]));
    let server = TlsServer::start(server).expect("a server");
    let target = format!("dns:///localhost:{}", server.address().port());
    let ca = folder.write("ca.pem", &authority.pem());
    let states = |events: &[Value]| -> Vec<String> {
        let of_server = |event: &&Value| {
            event["event"] == "subchannel" && event["address"] == server.address().to_string()
        };
        let states = events.iter().filter(of_server);
        states
            .filter_map(|event| event["state"].as_str().map(str::to_owned))
            .collect()
    };
    for runtime in ["async-std", "smol", "tokio"] {
        let args = ["watch", &target, "--tls", "--ca", &ca, "--runtime", runtime];
        let (status, events) = with_enough_time(
            |seconds| json(&[&args[..], &[&format!("--for={seconds}")]].concat()),
            |(_, events)| channel_is_ready(events),
        );
        assert_eq!(status, 0);
        assert_eq!(
            states(&events),
            ["CONNECTING", "READY", "SHUTDOWN"],
            "{events:?}"
        );
    }
    let args = [&target, "--tls", "--roots=bundled"];
    let failed = |event: &&Value| {
        event["state"] == "TRANSIENT_FAILURE" && event["address"] == server.address().to_string()
    };
    let events = watch(&args, |events| events.iter().any(|event| failed(&event)));
    let failed = events.iter().find(failed);
    let failed = failed.unwrap_or_else(|| panic!("{events:?}"));
    let reason = "was issued by \"CN=Test Root\"";
    assert!(failed.to_string().contains("was issued by"), "{failed}");
    let text = watch_text(&args, |text| text.contains(reason));
    assert!(text.contains(reason), "{text}");
}

/// The steps of the channel's work are events in JSON, and in text where `-v` asks for them.
#[test]
fn steps() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let args = [&target, "--lb=round_robin"];
    let events = watch(&args, channel_is_ready);
    let step = |name: &str| {
        let mut events = events.iter();
        let step = events.find(|object| object["event"] == name);
        step.unwrap_or_else(|| panic!("{name} is missing in {events:?}"))
    };
    assert_eq!(step("policy")["policy"], "round_robin");
    assert_eq!(step("resolution_accepted")["addresses"], 1);
    assert_eq!(step("connect_started")["connection"], 1);
    assert_eq!(step("connected")["connection"], 1);
    assert!(step("idle_left")["message"].is_string());
    for (verbose, is_shown) in [(None, false), (Some("-v"), true)] {
        let args: Vec<&str> = args.iter().copied().chain(verbose).collect();
        let text = watch_text(&args, |text| text.contains("READY"));
        assert!(text.contains("READY"), "{text}");
        assert_eq!(text.contains("connect_started"), is_shown, "{text}");
    }
}

/// `--inspect` prints an inspection of the channel at the end.
#[test]
fn an_inspection_at_the_end() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let address = json!(backend.address_v4().to_string());
    for command in ["watch", "call"] {
        let (status, events) = with_enough_time(
            |seconds| json(&[command, &target, "--inspect", &format!("--for={seconds}")]),
            |(_, events)| command == "call" || channel_is_ready(events),
        );
        assert_eq!(status, 0);
        let mut events = events.iter();
        let inspection = events.find(|object| object["event"] == "inspection");
        let inspection = &inspection.expect("an inspection")["inspection"];
        assert_eq!(inspection["state"], "READY");
        assert_eq!(inspection["subchannels"]["items"][0]["address"], address);
    }
    let ran = trunkline(&["call", &target, "--inspect"]);
    assert!(
        ran.stdout.contains("\n  \"state\": \"READY\",\n"),
        "{ran:?}"
    );
}
