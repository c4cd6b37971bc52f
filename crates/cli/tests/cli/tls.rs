//! Tests of `--tls` and its options.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};
use trunkline_testkit::tls_server::TlsServer;

use crate::command::{object, trunkline, watch_text};

/// A folder with the files of one test, which is removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("trunkline-cli-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, contents: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, contents).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn certificate() -> Value {
    json!({
        "subject": "CN=localhost",
        "issuer": "CN=Test Root",
        "names": ["localhost", "127.0.0.1"],
        "not_before": "2025-01-01T00:00:00Z",
        "not_after": "2034-12-31T00:00:00Z",
    })
}

/// A server whose certificate is from the given root is verified; the object has what it showed.
#[test]
fn connect_shows_a_verified_server() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = authority.issue(&["localhost", "127.0.0.1"]);
    let server = TlsServer::start(server_config(&server)).expect("a server");
    let ca = folder.write("ca.pem", &authority.pem());
    for host in ["localhost", "127.0.0.1"] {
        let to = format!("{host}:{}", server.address().port());
        let (status, object) = object(&["connect", "--tls", &to, "--ca", &ca]);
        assert_eq!(status, 0, "{object}");
        assert_eq!(object["winner"], json!(server.address().to_string()));
        assert_eq!(
            object["tls"],
            json!({
                "version": "TLSv1.3",
                "cipher": "TLS13_AES_256_GCM_SHA384",
                "alpn": "h2",
                "resumed": false,
                "verified": true,
                "error": null,
                "certificates": [certificate()],
            })
        );
    }
}

/// What a server showed is printed also when it is not trusted; then the status is 1.
#[test]
fn connect_shows_a_server_that_is_not_verified() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = authority.issue(&["localhost", "127.0.0.1"]);
    let server = TlsServer::start(server_config(&server)).expect("a server");
    let to = format!("localhost:{}", server.address().port());
    let other = folder.write("other.pem", &Authority::new("Other Root").pem());
    let (status, object) = object(&["connect", "--tls", &to, "--ca", &other]);
    assert_eq!(status, 1, "{object}");
    let error = json!({
        "kind": "unknown_issuer",
        "message": "the server's certificate \"CN=localhost\" was issued by \"CN=Test Root\", \
                    which is not among the given root, and the server sent no certificate that leads \
                    to one of them",
        "suggestion": "give the root certificate of the server's issuer with --ca",
    });
    assert_eq!(object["error"], error);
    assert_eq!(
        object["tls"],
        json!({
            "version": "TLSv1.3",
            "cipher": "TLS13_AES_256_GCM_SHA384",
            "alpn": "h2",
            "resumed": false,
            "verified": false,
            "error": error,
            "certificates": [certificate()],
        })
    );
}

/// The name that is checked can be another one than the host.
#[test]
fn connect_checks_the_server_name() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = server_config(&authority.issue(&["orders.test"]));
    let server = TlsServer::start(server).expect("a server");
    let to = server.address().to_string();
    let ca = folder.write("ca.pem", &authority.pem());
    let (status, wrong) = object(&["connect", "--tls", &to, "--ca", &ca]);
    assert_eq!(
        (status, &wrong["tls"]["error"]["kind"]),
        (1, &json!("wrong_name"))
    );
    let text = "the server's certificate \"CN=orders.test\" is not for \"127.0.0.1\": its name is \
                \"orders.test\"";
    assert_eq!(wrong["error"]["message"], json!(text));
    let named = [
        "connect",
        "--tls",
        &to,
        "--ca",
        &ca,
        "--server-name",
        "orders.test",
    ];
    let (status, object) = object(&named);
    assert_eq!(
        (status, &object["tls"]["verified"]),
        (0, &json!(true)),
        "{object}"
    );
}

/// With TLS 1.3 a server asks for a certificate in the handshake, and refuses afterwards.
#[test]
fn connect_shows_a_client_certificate() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    let config = server_config_with(&authority.issue(&["localhost"]), &options);
    let server = TlsServer::start(config).expect("a server");
    let to = format!("localhost:{}", server.address().port());
    let ca = folder.write("ca.pem", &authority.pem());
    let (status, without) = object(&["connect", "--tls", &to, "--ca", &ca]);
    assert_eq!(status, 1, "{without}");
    assert_eq!(
        without["tls"]["error"]["kind"],
        json!("client_certificate_wanted")
    );
    assert_eq!(without["tls"]["verified"], json!(true));
    let client = authority.issue(&["client.test"]);
    let cert = folder.write("client.pem", &client.chain_pem());
    let key = folder.write("client.key", &client.key_pem());
    let with = [
        "connect", "--tls", &to, "--ca", &ca, "--cert", &cert, "--key", &key,
    ];
    let (status, object) = object(&with);
    assert_eq!(
        (status, &object["tls"]["error"]),
        (0, &json!(null)),
        "{object}"
    );
}

/// A port without TLS is named as that.
#[test]
fn connect_names_a_server_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let (status, object) = object(&["connect", "--tls", &to, "--roots", "bundled"]);
    server.join().expect("no panic");
    assert_eq!(
        (status, &object["error"]["kind"]),
        (1, &json!("plaintext")),
        "{object}"
    );
    assert_eq!(object["tls"]["certificates"], json!([]));
}

/// People get the same in lines.
#[test]
fn connect_prints_for_people() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = server_config(&authority.issue(&["localhost", "127.0.0.1"]));
    let server = TlsServer::start(server).expect("a server");
    let to = format!("localhost:{}", server.address().port());
    let ca = folder.write("ca.pem", &authority.pem());
    let ran = trunkline(&["connect", "--tls", &to, "--ca", &ca]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let shown = "\
TLS  verified, TLSv1.3, TLS13_AES_256_GCM_SHA384, h2
  subject CN=localhost
    issuer CN=Test Root
    names  localhost, 127.0.0.1
    valid  2025-01-01T00:00:00Z to 2034-12-31T00:00:00Z
";
    assert!(ran.stdout.ends_with(shown), "{}", ran.stdout);
}

/// Calls go over TLS, and fail with the reason.
#[test]
fn calls_are_made_over_tls() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let server = server_config(&authority.issue(&["localhost"]));
    let server = TlsServer::start(server).expect("a server");
    let target = format!("dns:///localhost:{}", server.address().port());
    let ca = folder.write("ca.pem", &authority.pem());
    let (status, made) = object(&["call", &target, "--tls", "--ca", &ca, "--any-status"]);
    assert_eq!(status, 0, "{made}");
    let address = server.address().to_string();
    assert_eq!(made["backends"], json!({ address: 1 }));
    let (status, failed) = object(&["call", &target, "--tls", "--roots", "bundled"]);
    assert_eq!(status, 1, "{failed}");
    let message = failed["errors"][0]["message"].as_str().expect("a message");
    assert!(
        message.contains("was issued by \"CN=Test Root\""),
        "{message}"
    );
}

/// A server that asks for a client certificate gets it from `call` and `watch`; without one the call
/// fails with the reason.
#[test]
fn channels_show_a_client_certificate() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    let config = server_config_with(&authority.issue(&["localhost"]), &options);
    let server = TlsServer::start(config).expect("a server");
    let target = format!("dns:///localhost:{}", server.address().port());
    let ca = folder.write("ca.pem", &authority.pem());
    let client = authority.issue(&["client.test"]);
    let cert = folder.write("client.pem", &client.chain_pem());
    let key = folder.write("client.key", &client.key_pem());
    let with = ["--tls", "--ca", &ca, "--cert", &cert, "--key", &key];
    let call = ["call", &target, "--any-status"];
    let (status, made) = object(&[&call[..], &with].concat());
    assert_eq!((status, &made["answered"]), (0, &json!(1)), "{made}");
    let (status, refused) = object(&[&call[..], &["--tls", "--ca", &ca]].concat());
    assert_eq!(status, 1, "{refused}");
    let message = refused["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("client certificate"), "{message}");
    let ready = r#""state":"READY""#;
    let text = watch_text(&[&[&*target, "--json"], &with[..]].concat(), |text| {
        text.contains(ready)
    });
    assert!(text.contains(ready), "{text}");
}

/// Options that need each other, or that contradict each other, and files that cannot be used: 2.
#[test]
fn options_that_cannot_work_are_refused() {
    let (authority, folder) = (Authority::new("Test Root"), Folder::new());
    let ca = folder.write("ca.pem", &authority.pem());
    let (one, other) = (authority.issue(&["one"]), authority.issue(&["other"]));
    let cert = folder.write("client.pem", &one.chain_pem());
    let key = folder.write("client.key", &other.key_pem());
    let empty = folder.write("empty.pem", "");
    for options in [
        &["--ca", &ca][..],
        &["--tls", "--cert", &cert],
        &["--tls", "--key", &key],
        &["--tls", "--ca", &ca, "--roots", "platform"],
        &["--tls", "--ca", "/nowhere/ca.pem"],
        &["--tls", "--ca", &empty],
        &["--tls", "--ca", &ca, "--cert", &cert, "--key", &key],
        &["--tls", "--ca", &ca, "--server-name", "no name"],
    ] {
        for command in [["connect", "127.0.0.1:1"], ["call", "ipv4:127.0.0.1:1"]] {
            let ran = trunkline(&[&command[..], options].concat());
            assert_eq!(ran.status, 2, "{options:?}: {ran:?}");
            // No key is ever quoted.
            assert!(!ran.stderr.contains("MIG"), "{ran:?}");
        }
    }
}
