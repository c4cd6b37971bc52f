//! A channel through an HTTP proxy that wants a user and a password.
//!
//! In production the environment names the proxy, and the program has no line about it:
//! `https_proxy=http://orders:secret@proxy.corp:3128 no_proxy=.svc program`. Here the network is a
//! simulated one, so that the example needs no proxy: `cargo run --example proxy`.

use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};
use trunkline::{Channel, Proxy, Runtime, Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Sim::new(1);
    let _backend = sim.backend("192.0.2.1:50051".parse::<std::net::SocketAddr>()?);
    start_proxy(&sim)?;

    // The proxy looks up `orders.example.com`; this side never does.
    let channel = Channel::builder("dns:///orders.example.com:50051")
        .proxy(Proxy::all("http://orders:secret@198.51.100.1:3128")?)
        .plaintext()
        .runtime(sim.runtime())
        .build()?;
    let name = "through the proxy".to_owned();
    let reply = sim.run(GreeterClient::new(channel).say_hello(HelloRequest { name }))?;
    println!("the backend answered: {}", reply.get_ref().message);

    // Without the password, the error of a call has the answer of the proxy.
    let channel = Channel::builder("dns:///orders.example.com:50051")
        .proxy(Proxy::all("http://198.51.100.1:3128")?)
        .plaintext()
        .runtime(sim.runtime())
        .build()?;
    let name = "without a password".to_owned();
    let refused = sim.run(GreeterClient::new(channel).say_hello(HelloRequest { name }));
    println!("refused: {}", refused.expect_err("a refusal").message());
    Ok(())
}

/// Starts a proxy that knows one password, and connects everything to the backend.
fn start_proxy(sim: &Sim) -> std::io::Result<()> {
    let address = std::net::SocketAddr::from(([198, 51, 100, 1], 3128));
    let mut listener = sim.net().listen(address)?;
    let runtime = sim.runtime();
    sim.spawn("proxy", async move {
        while let Ok((client, _)) = listener.accept().await {
            let serving = runtime.clone();
            runtime.spawn(Box::pin(async move {
                let _ = serve(client, &*serving).await;
            }));
        }
    });
    Ok(())
}

async fn serve(mut client: Box<dyn Stream>, runtime: &dyn Runtime) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).await?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    println!("the proxy was asked: {}", head.lines().next().unwrap_or(""));
    if !head.contains("Proxy-Authorization: Basic b3JkZXJzOnNlY3JldA==\r\n") {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
                        Proxy-Authenticate: Basic realm=\"corp\"\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal).await;
    }
    let backend = std::net::SocketAddr::from(([192, 0, 2, 1], 50051));
    let server = runtime.connect_tcp(backend, &TcpOptions::default()).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let up = copy(from_client, &mut to_server);
    let down = copy(from_server, &mut to_client);
    futures_util::future::select(Box::pin(up), Box::pin(down)).await;
    Ok(())
}
