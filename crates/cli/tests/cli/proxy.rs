//! Tests of `--proxy`, with a proxy on the loopback interface.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

use crate::call::backend;
use crate::command::{CommandOutput, trunkline_with, watch_text};

/// Starts a proxy that connects every destination to `server`; without one it refuses. Returns its
/// address. Its threads end with their connections.
fn proxy(server: Option<SocketAddr>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || drop(serve(client, server)));
        }
    });
    address.to_string()
}

fn serve(mut client: TcpStream, server: Option<SocketAddr>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let Some(server) = server.filter(|_| head.starts_with(b"CONNECT orders.test:50051 ")) else {
        return client
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\nby \x1b[1mrule");
    };
    let mut server = TcpStream::connect(server)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    io::copy(&mut server, &mut client).map(drop)
}

fn object(ran: &CommandOutput) -> Value {
    serde_json::from_str(&ran.stdout).expect("one JSON object")
}

/// `call` hands the name of its target to the proxy: of the command line, or of the environment,
/// which is the default; on each runtime.
#[test]
fn calls_go_through_a_proxy() {
    let backend = backend("a");
    let address = proxy(Some(backend.address_v4()));
    let url = format!("http://user:secret@{address}");
    let args = [
        "call",
        "dns:///orders.test:50051",
        "--json",
        "--timeout",
        "20",
    ];
    let runs = [
        trunkline_with(&[&args[..], &["--proxy", &url]].concat(), &[]),
        trunkline_with(&args, &[("https_proxy", &url)]),
        trunkline_with(
            &[&args[..], &["--proxy", "env"]].concat(),
            &[("GRPC_PROXY", &url), ("https_proxy", "x")],
        ),
        trunkline_with(
            &[&args[..], &["--proxy", &url, "--runtime", "smol"]].concat(),
            &[],
        ),
        trunkline_with(
            &[&args[..], &["--proxy", &url, "--runtime", "tokio"]].concat(),
            &[],
        ),
    ];
    for ran in runs {
        let object = object(&ran);
        assert_eq!((ran.status, &object["ok"]), (0, &json!(1)), "{object}");
        assert_eq!(object["backends"], json!({ address.as_str(): 1 }));
    }
}

/// `watch` shows a channel that becomes READY through a proxy, and the reason where the proxy refuses.
#[test]
fn channels_go_through_a_proxy() {
    let backend = backend("a");
    for (server, expected) in [
        (Some(backend.address_v4()), r#""state":"READY""#),
        (None, "403 Forbidden"),
    ] {
        let url = format!("http://{}", proxy(server));
        let args = ["dns:///orders.test:50051", "--json", "--proxy", &url];
        let text = watch_text(&args, |text| text.contains(expected));
        assert!(text.contains(expected), "{text}");
    }
}

/// `--proxy none` turns the environment's off, and loopback addresses do not use it at all.
#[test]
fn calls_can_be_direct() {
    let backend = backend("a");
    let refusing = format!("http://{}", proxy(None));
    let target = format!("ipv4:{}", backend.address_v4());
    let environment = [("https_proxy", refusing.as_str())];
    for more in [&[][..], &["--proxy", "none"]] {
        let ran = trunkline_with(&[&["call", &target, "--json"], more].concat(), &environment);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let ran = trunkline_with(&["call", &target, "--json", "--proxy", &refusing], &[]);
    let text = object(&ran)["errors"][0]["message"].to_string();
    assert!(ran.status == 1 && text.contains("403 Forbidden"), "{ran:?}");
}

/// `connect` shows the proxy, and why it refuses, without its control characters.
#[test]
fn connections_go_through_a_proxy() {
    let backend = backend("a");
    let address = proxy(Some(backend.address_v4()));
    let url = format!("http://{address}");
    let ran = trunkline_with(
        &["connect", "orders.test:50051", "--json", "--proxy", &url],
        &[],
    );
    let connected = object(&ran);
    assert_eq!(ran.status, 0, "{connected}");
    assert_eq!(
        (&connected["proxy"], &connected["winner"]),
        (&json!(url), &json!(address))
    );
    for to in ["other.test:50051", "192.0.2.1:50051"] {
        let ran = trunkline_with(&["connect", to, "--json"], &[("https_proxy", &url)]);
        let failed = object(&ran);
        let expected = format!(
            "the proxy {url} did not connect to {to}: it answered \"HTTP/1.1 403 Forbidden\" with \
             \"by \\u{{1b}}[1mrule\""
        );
        assert_eq!(ran.status, 1, "{failed}");
        assert_eq!(failed["attempts"][0]["error"], json!(expected));
    }
}

/// A proxy that cannot be used is an error of the command line: status 2, and no secret in the text.
#[test]
fn bad_proxies_are_refused() {
    for command in ["call", "connect"] {
        for (args, variables) in [
            (
                vec![
                    command,
                    "orders.test:1",
                    "--json",
                    "--proxy",
                    "https://u:secret@p",
                ],
                vec![],
            ),
            (
                vec![command, "orders.test:1", "--json"],
                vec![("https_proxy", "ftp://u:secret@p")],
            ),
        ] {
            let ran = trunkline_with(&args, &variables);
            let object = object(&ran);
            assert_eq!(
                (ran.status, &object["error"]["kind"]),
                (2, &json!("invalid_proxy")),
                "{object}"
            );
            assert!(!format!("{ran:?}").contains("secret"), "{ran:?}");
        }
    }
}
