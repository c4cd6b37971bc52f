//! Tests of `trunkline connect`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::json;
use trunkline_testkit::closed::ClosedTcp;

use crate::command::{object, trunkline};

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// Returns a port that refuses connections, and its address.
fn closed() -> (ClosedTcp, String) {
    let port = ClosedTcp::new().expect("a port");
    let address = port.address().to_string();
    (port, address)
}

/// The attempts are printed in the order of their start, with the winner.
#[test]
fn a_refused_address_and_a_good_one() {
    let (_listener, good) = listener();
    let (_port, bad) = closed();
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

/// When no attempt connects, the status is 1, and the message has each address and how it failed.
#[test]
fn nothing_connects() {
    let ((_one, one), (_two, two)) = (closed(), closed());
    let (status, object) = object(&["connect", &format!("{one},{two}")]);
    assert_eq!((status, &object["winner"]), (1, &json!(null)));
    let message = object["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains(&one) && message.contains(&two),
        "{message}"
    );
    assert!(message.contains("refused"), "{message}");
}

/// An attempt delay that is out of range is clamped, with a warning.
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

/// An interface can be given by name, after `%` or `%25`. The error for one that does not exist has
/// its name.
#[cfg(target_os = "linux")]
#[test]
fn interfaces_by_name() {
    let listener = TcpListener::bind("[::1]:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    for host in ["[::1%lo]", "[::1%25lo]"] {
        let (status, object) = object(&["connect", &format!("{host}:{port}")]);
        assert_eq!(status, 0, "{host}: {object}");
    }
    let unknown = ["connect", "[fe80::1%nope0]:1,[fe80::2%nope1]:1"];
    let (status, object) = object(&unknown);
    let message = object["error"]["message"].as_str().expect("a message");
    assert_eq!(status, 1);
    assert!(message.contains("interface nope0"), "{message}");
}

/// A host is looked up; a text that is neither a host nor a list of addresses is an error.
#[test]
fn hosts() {
    let (_listener, good) = listener();
    let port = good.rsplit(':').next().expect("a port");
    assert_eq!(object(&["connect", &format!("localhost:{port}")]).0, 0);
    for bad in ["a b:1", "1.2.3.4:5,nonsense", "host:99999"] {
        assert_eq!(trunkline(&["connect", bad]).status, 2, "{bad}");
    }
}

/// A target or a URL in place of a host is an error that names what to give.
#[test]
fn targets_in_place_of_hosts() {
    for (bad, hint) in [
        ("dns:///orders:50051", "give `orders:50051` alone"),
        (
            "ipv4:192.0.2.1:1,192.0.2.2:1",
            "give `192.0.2.1:1,192.0.2.2:1` alone",
        ),
        (
            "https://orders.example:8443",
            "give `orders.example:8443` alone",
        ),
        (
            "srv:///_grpc._tcp.orders",
            "`trunkline resolve TARGET` shows the addresses of a target",
        ),
    ] {
        let (status, object) = object(&["connect", bad]);
        assert_eq!(
            (status, &object["error"]["suggestion"]),
            (2, &json!(hint)),
            "{object}"
        );
    }
}

/// Returns a path for a file that a test creates. The file does not exist yet.
fn path(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // An earlier run may have left it.
    let _ = fs::remove_file(&path);
    path
}

/// Parses XML, and panics unless every tag is closed in order, every attribute is quoted, and every
/// `&` begins an entity. Returns the elements (name and attributes) and the texts.
fn parse(xml: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut elements, mut texts, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = xml;
    while let Some((text, after)) = rest.split_once('<') {
        check_text(text);
        if !text.trim().is_empty() {
            assert!(!open.is_empty(), "text outside: {text:?}");
            texts.push(text.trim().to_owned());
        }
        let (tag, after) = after.split_once('>').expect("the end of a tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, closed) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut left = attributes.trim();
        while !left.is_empty() {
            let (key, value) = left.split_once("=\"").expect("a quoted value");
            assert!(
                key.chars().all(|c| c.is_alphanumeric() || c == '-'),
                "{key}"
            );
            let (value, after) = value.split_once('"').expect("a quote");
            check_text(value);
            left = after.trim_start();
        }
        elements.push((name.to_owned(), attributes.to_owned()));
        if !closed {
            open.push(name.to_owned());
        }
    }
    assert!(
        open.is_empty() && rest.trim().is_empty(),
        "{open:?} {rest:?}"
    );
    (elements, texts)
}

fn check_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
        assert!(
            known.iter().any(|one| text[at..].starts_with(one)),
            "{text:?}"
        );
    }
}

/// Returns the value of an attribute that is a number.
fn number(attributes: &str, key: &str) -> f64 {
    let (_, value) = attributes.split_once(&format!(" {key}=\"")).expect(key);
    value
        .split('"')
        .next()
        .expect("a value")
        .parse()
        .expect(key)
}

/// The picture is well-formed XML and refers to nothing outside. It has a bar for each attempt, in
/// the order of the starts and within the picture, a label for each address and outcome, and an axis.
#[test]
fn a_picture() {
    let (_listener, good) = listener();
    let (_port, bad) = closed();
    let file = path("race.svg");
    let name = file.to_str().expect("a UTF-8 path");
    let (status, _) = object(&["connect", &format!("{bad},{good}"), "--svg", name]);
    assert_eq!(status, 0);
    let xml = fs::read_to_string(&file).expect("a picture");
    let (elements, texts) = parse(&xml);
    assert_eq!(elements[0].0, "svg");
    let inside = xml.replacen("xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    assert!(
        !inside.contains("http") && !inside.contains("href"),
        "{xml}"
    );

    let width = number(&elements[0].1, "width");
    let bars: Vec<(f64, f64)> = elements
        .iter()
        .filter(|(name, attributes)| name == "rect" && attributes.contains("class=\"attempt\""))
        .map(|(_, attributes)| (number(attributes, "x"), number(attributes, "width")))
        .collect();
    assert_eq!(bars.len(), 2, "{xml}");
    assert!(bars[0].0 <= bars[1].0, "{bars:?}");
    assert!(
        bars.iter().all(|(x, long)| *long > 0.0 && x + long < width),
        "{bars:?}"
    );
    for label in [bad.as_str(), &good, "ms since the beginning"] {
        assert!(texts.iter().any(|text| text == label), "{label}: {texts:?}");
    }
    for word in ["refused, ", "connected, "] {
        assert!(texts.iter().any(|text| text.starts_with(word)), "{texts:?}");
    }
    let marks = elements
        .iter()
        .filter(|(_, of)| of.contains("class=\"mark\""))
        .count();
    assert!((2..=10).contains(&marks), "{marks} marks: {xml}");
}

/// A race without a winner is drawn too: that is when a user needs the picture.
#[test]
fn a_picture_of_a_failure() {
    let file = path("failed.svg");
    let name = file.to_str().expect("a UTF-8 path");
    let (_port, bad) = closed();
    assert_eq!(object(&["connect", &bad, "--svg", name]).0, 1);
    let (_, texts) = parse(&fs::read_to_string(&file).expect("a picture"));
    assert!(
        texts
            .iter()
            .any(|text| text.ends_with(": nothing connected")),
        "{texts:?}"
    );
}

/// A picture that cannot be written is an error with the file's name; the race is printed all the same.
#[test]
fn a_picture_that_cannot_be_written() {
    let (_listener, good) = listener();
    let file = path("no-such-folder").join("race.svg");
    let name = file.to_str().expect("a UTF-8 path");
    let (status, object) = object(&["connect", &good, "--svg", name]);
    assert_eq!((status, &object["winner"]), (1, &json!(good)));
    let message = object["error"]["message"].as_str().expect("a message");
    assert!(message.contains(name), "{message}");

    let (_port, bad) = closed();
    let ran = trunkline(&["connect", &bad, "--svg", name]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.contains(name) && ran.stderr.contains("refused"),
        "{}",
        ran.stderr
    );
}

/// Addresses that were never tried are shown too, as text and in the picture.
#[test]
fn addresses_that_were_never_tried() {
    let ((_one, one), (_two, two)) = (closed(), closed());
    let file = path("untried.svg");
    let name = file.to_str().expect("a UTF-8 path");
    let list = format!("{one},{two}");
    let ran = trunkline(&["connect", &list, "--timeout", "0", "--svg", name]);
    assert_eq!(ran.status, 1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, address) in lines.iter().zip([&one, &two]) {
        assert!(line.starts_with(address.as_str()), "{line}");
        assert!(line.ends_with("not tried"), "{line}");
    }
    let (_, texts) = parse(&fs::read_to_string(&file).expect("a picture"));
    let untried = texts.iter().filter(|text| *text == "not tried");
    assert_eq!(untried.count(), 2, "{texts:?}");
}
