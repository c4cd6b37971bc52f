//! Where ring_hash gets the hash of a call and the key of an endpoint:
//! [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md).

use std::any::Any;
use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, address};
use trunkline_lb::{
    HashKey, Pick, PickRequest, PolicyFactory, PolicyOptions, PolicyRegistry, RequestHash,
    RingHash, RingHashConfig, RingHashFactory,
};
use trunkline_status::Code;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const HEADER: HeaderName = HeaderName::from_static("user");

/// Values of the header that belong to A, B and C on their ring.
const OF_A: &str = "some-value";
const OF_B: &str = "user-1";
const OF_C: &str = "user-2";

fn without_list() -> FakeChannel<RingHash> {
    let config = RingHashConfig::default().with_request_hash_header(HEADER);
    FakeChannel::new(RingHash::new(&PolicyOptions::new(7))).with_config(config)
}

fn channel(list: &[&str]) -> FakeChannel<RingHash> {
    let mut channel = without_list();
    let accepted = channel.update(&list.join(" "));
    accepted.expect("the policy accepts the list");
    channel
}

/// Picks once for a call whose header has these values.
fn pick(channel: &FakeChannel<RingHash>, values: &[&str]) -> Pick {
    let mut metadata = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_str(value).expect("a value");
        metadata.append(HEADER, value);
    }
    let request = PickRequest::new("/test.Service/Method", &metadata);
    channel.picker().pick(&request)
}

/// Does what a channel does for a call: picks, and hands over what the pick requests.
fn call(channel: &mut FakeChannel<RingHash>, values: &[&str]) -> Pick {
    let pick = pick(channel, values);
    if let Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) = pick {
        channel.exit_idle();
    }
    pick
}

fn picked(channel: &FakeChannel<RingHash>, values: &[&str]) -> String {
    match pick(channel, values) {
        Pick::Subchannel(id) => channel.subchannels[&id].address.to_string(),
        other => panic!("expected a subchannel, found {other:?}"),
    }
}

fn all_ready() -> FakeChannel<RingHash> {
    let mut channel = channel(&[A, B, C]);
    for value in [OF_A, OF_B, OF_C] {
        call(&mut channel, &[value]);
        let dialled = channel.dialled();
        channel.ready(&dialled);
    }
    channel
}

fn parse(config: &Value) -> Result<Option<String>, String> {
    let parsed = RingHashFactory.parse_config(config, &PolicyRegistry::empty());
    let parsed = parsed.map_err(|error| error.to_string())?;
    let config: &dyn Any = &*parsed;
    let config: &RingHashConfig = config.downcast_ref().expect("the policy's own config");
    let header = config.request_hash_header.as_ref();
    Ok(header.map(|header| header.as_str().to_owned()))
}

/// "Explicitly setting the request hash key": `requestHashHeader` is the name of a header, and not of
/// a binary one. An empty name means none.
#[test]
fn header_names() {
    let found = |name: &str| Ok(Some(name.to_owned()));
    let cases = [
        (json!({}), Ok(None)),
        (json!({ "requestHashHeader": null }), Ok(None)),
        (json!({ "requestHashHeader": "" }), Ok(None)),
        (json!({ "requestHashHeader": "x-foo" }), found("x-foo")),
        (json!({ "requestHashHeader": "x-FOO" }), found("x-foo")),
        (json!({ "requestHashHeader": "a_b.c-1" }), found("a_b.c-1")),
        (
            json!({ "requestHashHeader": "!invalid" }),
            Err("requestHashHeader: expected the name of a header, found \"!invalid\""),
        ),
        (
            json!({ "requestHashHeader": ":path" }),
            Err("requestHashHeader: expected the name of a header, found \":path\""),
        ),
        (
            json!({ "requestHashHeader": "header-with-BIN" }),
            Err(
                "requestHashHeader: expected a header that is not binary (`-bin`), found \
                 \"header-with-BIN\"",
            ),
        ),
        (
            json!({ "requestHashHeader": 7 }),
            Err("requestHashHeader: expected a string, found 7"),
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(parse(&config), expected.map_err(str::to_owned), "{config}");
    }
}

/// "Explicitly setting the request hash key": the hash is that of the value; of several values, that
/// of all of them joined with commas. An empty value is a value.
#[test]
fn values() {
    let channel = all_ready();
    let cases: [(&[&str], &str); 6] = [
        (&[OF_A], A),
        (&[OF_B], B),
        (&[OF_C], C),
        (&["value1", "value2"], C),
        (&["value1,value2"], C),
        (&[""], A),
    ];
    for (values, expected) in cases {
        for _ in 0..3 {
            assert_eq!(picked(&channel, values), expected, "{values:?}");
        }
    }
    let many: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        picked(&channel, &many),
        picked(&channel, &[&many.join(",")])
    );
}

/// "Explicitly setting the request hash key": a call without the header goes to a random place on the
/// ring, so that such calls spread evenly.
#[test]
fn without_the_header() {
    let channel = all_ready();
    let mut shares = BTreeMap::<String, u32>::new();
    for _ in 0..3000 {
        *shares.entry(picked(&channel, &[])).or_default() += 1;
    }
    assert_eq!(shares.len(), 3);
    assert!(
        shares.values().all(|count| (850..=1150).contains(count)),
        "{shares:?}"
    );
}

/// gRFC A76: without the header, the first ready endpoint from the random place gets the call. If it
/// passes an idle one, and none is connecting, that one is to connect too.
#[test]
fn ready_and_idle() {
    let mut channel = channel(&[A, B]);
    call(&mut channel, &[OF_B]);
    let ready = channel.dialled();
    let idle = if ready == A { B } else { A };
    channel.ready(&ready);
    let id = channel.id(&ready);
    let mut kinds = BTreeMap::<bool, u32>::new();
    for _ in 0..200 {
        match pick(&channel, &[]) {
            Pick::Subchannel(picked) if picked == id => *kinds.entry(false).or_default() += 1,
            Pick::SubchannelAndExitIdle(picked) if picked == id => {
                *kinds.entry(true).or_default() += 1;
            }
            other => panic!("expected the ready endpoint, found {other:?}"),
        }
    }
    assert!(
        kinds.len() == 2,
        "half of the calls pass the idle one: {kinds:?}"
    );
    channel.exit_idle();
    assert_eq!(channel.dialled(), idle);
    // One is connecting, so no further one is to connect.
    for _ in 0..50 {
        assert_eq!(pick(&channel, &[]), Pick::Subchannel(id));
    }
    channel.ready(idle);
    assert_eq!(channel.states(), [Idle, Connecting, Ready, Ready, Ready]);
}

/// gRFC A76: without the header and a ready endpoint, a call connects one endpoint, or waits for the
/// one that is connecting.
#[test]
fn idle_and_connecting() {
    let mut channel = channel(&[A, B, C]);
    assert_eq!(call(&mut channel, &[]), Pick::ExitIdle);
    let first = channel.dialled();
    assert!([A, B, C].contains(&&*first), "one endpoint: {first}");
    assert_eq!(channel.states(), [Idle, Connecting]);
    for _ in 0..50 {
        assert_eq!(call(&mut channel, &[]), Pick::Queue);
    }
    assert_eq!(channel.dialled(), "");
    // A call with the header connects its own endpoint all the same.
    let (value, own) = if first == A { (OF_B, B) } else { (OF_A, A) };
    assert_eq!(call(&mut channel, &[value]), Pick::ExitIdle);
    assert_eq!(channel.dialled(), own);
}

/// gRFC A76: while two endpoints are failing and another one is connecting, a call without the header
/// waits; when all are failing, it fails with the error of one of them.
#[test]
fn failing() {
    let mut channel = channel(&[A, B, C]);
    call(&mut channel, &[]);
    let mut dialled = channel.dialled();
    for _ in 0..2 {
        channel.fail(&dialled);
        dialled = channel.dialled();
    }
    assert_eq!(channel.state(), TransientFailure);
    assert_eq!(call(&mut channel, &[]), Pick::Queue);
    channel.fail(&dialled);
    assert!(channel.error().contains("connection refused"));
    assert_eq!(channel.dialled(), "");
}

/// gRFC A42: without a header in the configuration, the hash is the call's attribute. A call without
/// one fails, also if it is wait-for-ready: no later picker would choose for it.
#[test]
fn without_a_hash() {
    let policy = RingHash::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(RingHashConfig::default());
    channel.update(A).expect("the policy accepts the list");
    let Pick::Drop(status) = pick(&channel, &[OF_A]) else {
        panic!("expected a failure");
    };
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::Internal,
            "ring_hash has no hash of this call: set `requestHashHeader` in the policy's config, or \
             the call attribute `RequestHash`"
        )
    );
    let attributes = Attributes::new().with::<RequestHash>(7);
    let metadata = HeaderMap::new();
    let request = PickRequest::new("/test.Service/Method", &metadata);
    let request = request.with_attributes(&attributes);
    assert_eq!(channel.picker().pick(&request), Pick::ExitIdle);
    // With a header, the attribute does not count.
    let channel = all_ready();
    let mut picks: Vec<String> = (0..100)
        .map(|_| match channel.picker().pick(&request) {
            Pick::Subchannel(id) => channel.subchannels[&id].address.to_string(),
            other => panic!("expected a subchannel, found {other:?}"),
        })
        .collect();
    picks.sort_unstable();
    picks.dedup();
    assert!(picks.len() > 1, "the places are random");
}

/// "Explicitly setting the endpoint hash key": an endpoint with a key keeps its calls when its address
/// changes. An empty key counts as absent.
#[test]
fn hash_keys() {
    let keyed = |text: &str, key: &str| {
        Endpoint::new([address(text)])
            .with_attributes(Attributes::new().with::<HashKey>(key.into()))
    };
    let owners = |list: [Endpoint; 3]| {
        let mut channel = without_list();
        channel
            .update_endpoints(list.to_vec())
            .expect("the policy accepts the list");
        let owner = |number: u32| {
            let value = number.to_string();
            if call(&mut channel, &[&value]) == Pick::ExitIdle {
                let dialled = channel.dialled();
                channel.ready(&dialled);
            }
            picked(&channel, &[&value])
        };
        (0..200).map(owner).collect::<Vec<String>>()
    };
    let before = owners([keyed(A, "one"), keyed(B, "two"), keyed(C, "three")]);
    let after = owners([keyed(A, "three"), keyed(B, "one"), keyed(C, "two")]);
    let renamed = before.iter().map(|owner| match &**owner {
        A => B,
        B => C,
        _ => A,
    });
    assert!(renamed.eq(after.iter().map(String::as_str)));
    let plain = owners([A, B, C].map(|text| Endpoint::new([address(text)])));
    assert_eq!(plain, owners([A, B, C].map(|text| keyed(text, ""))));
    assert_eq!(plain, owners([A, B, C].map(|text| keyed(text, text))));
    assert_ne!(plain, before);
}
