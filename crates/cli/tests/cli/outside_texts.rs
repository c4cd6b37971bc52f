//! Texts from outside never control the terminal that they are printed to: control characters are
//! escaped on stdout and on stderr.

use serde_json::json;
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use crate::command::{CommandOutput, object, trunkline};
use crate::raw_peer;

/// Escape sequences, a line of the peer's own, the controls of C1, and a change of direction.
const TEXT: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\n   99  OK: fine\rerror: no\u{9b}31m\u{202e}abc";

/// `TEXT` in a grpc-message.
const MESSAGE: &str = "%1B[2J%1B]0;title%07%0A   99  OK: fine%0Derror: no%C2%9B31m%E2%80%AEabc";

/// Asserts that the output has no control characters but the ends of its lines.
#[track_caller]
fn check(ran: &CommandOutput) {
    for text in [&ran.stdout, &ran.stderr] {
        let control = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(control), "{text:?}");
        assert!(!text.contains("\n   99"), "{text:?}");
    }
}

/// A server's message, in the table and in the error. In JSON the message is the server's.
#[test]
fn a_servers_message() {
    let target = raw_peer::target(|_| raw_peer::status(13, MESSAGE));
    let ran = trunkline(&["call", &target]);
    check(&ran);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(text.contains("\\u{1b}[2J"), "{ran:?}");
    }
    check(&trunkline(&["call", &target, "-vvv"]));
    check(&trunkline(&["call", &target, "--json"]));
    let (_, object) = object(&["call", &target]);
    assert_eq!(object["errors"][0]["message"], json!(TEXT));
}

/// A name in a DNS record, and a service config in a TXT record.
#[test]
fn dns_records() {
    let server = DnsServer::start().expect("a DNS server");
    let config = json!([{ "serviceConfig": { TEXT: 1 } }]);
    let config = format!("grpc_config={config}");
    let a = Reply::a(60, [[127, 0, 0, 1].into()]);
    server.set("a.test", Type::A, a);
    server.set("a.test", Type::AAAA, Reply::no_data());
    let txt = Data::Txt(config.as_bytes().chunks(200).map(<[u8]>::to_vec).collect());
    server.set("_grpc_config.a.test", Type::TXT, Reply::data(60, [txt]));
    let target = format!("dns://{}/a.test.", server.address());
    let ran = trunkline(&["resolve", &target, "--txt"]);
    check(&ran);
    assert!(ran.stdout.contains("\\u{9b}31m"), "{ran:?}");
    check(&trunkline(&["resolve", &target, "--txt", "--json"]));
    check(&trunkline(&["resolve", &target, "-vvv"]));
}

/// The command's own arguments, of which a script may have taken one from outside.
#[test]
fn arguments() {
    for args in [
        &["target", TEXT][..],
        &["resolve", TEXT],
        &["connect", TEXT],
        &["connect", "localhost:1", "--attempt-delay", TEXT],
        &["resolve", "x", "--hosts", TEXT],
        &["call", "ipv4:127.0.0.1:1", "--lb", TEXT],
        &["call", "ipv4:127.0.0.1:1", "--authority", TEXT],
        &["call", "ipv4:127.0.0.1:1", "--service-config", TEXT],
        &[TEXT],
    ] {
        let ran = trunkline(args);
        assert_eq!(ran.status, 2, "{ran:?}");
        check(&ran);
    }
}
