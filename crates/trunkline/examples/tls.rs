//! A channel over TLS: which servers it trusts, and what its errors say.
//!
//! The server and its certificates are made here, so that the example runs by itself:
//! `cargo run -p trunkline --example tls`. In production, `Tls::new()` trusts the
//! roots of the platform, and `with_ca_file` those of your own authority.

use trunkline::{Channel, Tls};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use trunkline_testkit::tls_server::TlsServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::new("Example Root");
    let config = server_config(&authority.issue(&["localhost"]));
    let server = TlsServer::start(config)?;
    let target = format!("dns:///localhost:{}", server.address().port());

    // The certificate must be for the host in the target.
    let trusting = Tls::new().with_ca_pem(authority.pem());
    let channel = Channel::builder(&*target).tls(trusting.clone()).build()?;
    println!("answer: {}", greet(channel)?);

    // Another name, for a server that is reached by an address or through a tunnel.
    let wrong = trusting.with_server_name("orders.example.com");
    let channel = Channel::builder(&*target).tls(wrong).build()?;
    println!("wrong name: {}", greet(channel).expect_err("a refusal"));

    // A server that none of the trusted roots vouches for.
    let distrusting = Tls::new().with_ca_pem(Authority::new("Other Root").pem());
    let channel = Channel::builder(&*target).tls(distrusting).build()?;
    println!("unknown issuer: {}", greet(channel).expect_err("a refusal"));
    Ok(())
}

fn greet(channel: Channel) -> Result<String, String> {
    async_std::task::block_on(async {
        let request = HelloRequest { name: "you".into() };
        let answer = GreeterClient::new(channel).say_hello(request).await;
        let answer = answer.map_err(|status| status.message().to_owned())?;
        Ok(answer.into_inner().message)
    })
}
