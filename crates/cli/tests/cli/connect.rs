//! `trunkline connect`.

use std::net::TcpListener;

use serde_json::json;

use crate::command::{object, trunkline};

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// A port where nobody listens.
fn closed() -> String {
    listener().1
}

/// The attempts in the order of their start, and who won.
#[test]
fn a_refused_address_and_a_good_one() {
    let (_listener, good) = listener();
    let bad = closed();
    let (status, object) = object(&["connect", &format!("{bad},{good}")]);
    assert_eq!(status, 0, "{object}");
    assert_eq!(object["winner"], json!(good));
    let results: Vec<_> = object["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|attempt| (attempt["address"].clone(), attempt["result"].clone()))
        .collect();
    assert_eq!(
        results,
        [
            (json!(bad), json!("refused")),
            (json!(good), json!("connected"))
        ]
    );
}

/// Nothing connected: status 1, each address named with how it failed.
#[test]
fn nothing_connects() {
    let (one, two) = (closed(), closed());
    let (status, object) = object(&["connect", &format!("{one},{two}")]);
    assert_eq!((status, &object["winner"]), (1, &json!(null)));
    let message = object["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains(&one) && message.contains(&two),
        "{message}"
    );
    assert!(message.contains("refused"), "{message}");
}

/// A delay out of range is clamped, with a warning.
#[test]
fn a_delay_out_of_range() {
    let (_listener, good) = listener();
    let (status, object) = object(&["connect", &good, "--attempt-delay", "5"]);
    assert_eq!(status, 0);
    let message = object["warnings"][0]["message"]
        .as_str()
        .expect("a warning");
    assert!(message.contains("100 ms"), "{message}");
}

/// A host is looked up; a text that is neither is refused.
#[test]
fn hosts() {
    let (_listener, good) = listener();
    let port = good.rsplit(':').next().expect("a port");
    assert_eq!(object(&["connect", &format!("localhost:{port}")]).0, 0);
    for bad in ["a b:1", "1.2.3.4:5,nonsense", "host:99999"] {
        assert_eq!(trunkline(&["connect", bad]).status, 2, "{bad}");
    }
}
