//! Mutual TLS with certificates in files, which change while the channel runs.
//!
//! The server and all certificates are made here, so that the example runs by itself:
//! `cargo run -p trunkline --example mtls`.

use std::fs;

use trunkline::{Channel, Tls};
use trunkline_testkit::certificates::{Authority, ServerOptions, server_config_with};
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use trunkline_testkit::tls_server::TlsServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::new("Example Root");
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    let config = server_config_with(&authority.issue(&["localhost"]), &options);
    let server = TlsServer::start(config)?;
    let target = format!("dns:///localhost:{}", server.address().port());

    let folder = std::env::temp_dir().join(format!("trunkline-mtls-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (ca, cert, key) = (
        folder.join("ca.pem"),
        folder.join("client.pem"),
        folder.join("client.key"),
    );
    let write_identity = |name: &str| {
        let client = authority.issue(&[name]);
        fs::write(&cert, client.chain_pem()).and_then(|()| fs::write(&key, client.key_pem()))
    };
    fs::write(&ca, authority.pem())?;
    write_identity("client-1")?;

    let without = Channel::builder(&*target).tls(Tls::new().with_ca_file(&ca));
    println!(
        "without a certificate: {}",
        greet(&without.build()?).expect_err("a refusal")
    );

    let tls = Tls::new()
        .with_ca_file(&ca)
        .with_identity_files(&cert, &key);
    let channel = Channel::builder(&*target).tls(tls).build()?;
    for turn in 1..=20 {
        greet(&channel)?;
        // New files: the next handshake uses them, and no call fails.
        write_identity(&format!("client-{turn}"))?;
        server.drain();
    }
    println!(
        "20 calls answered over {} connections",
        server.handshakes() - 1
    );
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn greet(channel: &Channel) -> Result<String, String> {
    async_std::task::block_on(async {
        let request = HelloRequest { name: "you".into() };
        let answer = GreeterClient::new(channel.clone()).say_hello(request).await;
        let answer = answer.map_err(|status| status.message().to_owned())?;
        Ok(answer.into_inner().message)
    })
}
