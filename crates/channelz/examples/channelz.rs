//! A program that shows its channels: it makes calls, and reads them back through its own channelz
//! service. Other programs, such as grpcdebug, read them in the same way.
//!
//! `cargo run -p trunkline-channelz --example channelz`

use std::error::Error;
use std::net::{SocketAddr, TcpListener};

use tonic::transport::Server;
use tonic::{Request, Response, Status};
use trunkline::Channel;
use trunkline_channelz::Channelz;
use trunkline_channelz::proto::channelz_client::ChannelzClient;
use trunkline_channelz::proto::{
    GetSocketRequest, GetSubchannelRequest, GetTopChannelsRequest, Socket,
};

// In a project of your own: `tonic::include_proto!("helloworld")`.
use trunkline_testkit::proto::helloworld;

use helloworld::greeter_client::GreeterClient;
use helloworld::greeter_server::{Greeter, GreeterServer};
use helloworld::{HelloReply, HelloRequest};

/// The service that the program calls.
struct MyGreeter;

#[tonic::async_trait]
impl Greeter for MyGreeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        let message = format!("Hello {name}");
        Ok(Response::new(HelloReply { message }))
    }
}

/// Returns an address of loopback whose port was free a moment ago.
fn free() -> Result<SocketAddr, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (greeter, admin) = (free()?, free()?);
    tokio::spawn(Server::builder().serve(greeter, GreeterServer::new(MyGreeter)));

    // The program's own part: two lines.
    let channelz = Channelz::new();
    tokio::spawn(Server::builder().serve(admin, channelz.service()));

    // A channel that is shown.
    let channel = Channel::builder(format!("ipv4:{greeter}"))
        .plaintext()
        .telemetry(channelz)
        .build()?;
    let mut client = GreeterClient::new(channel.clone());
    for name in ["Ada", "Grace", "Edsger"] {
        let name = name.to_owned();
        // The servers may not have started yet.
        let mut request = Request::new(HelloRequest { name });
        request
            .extensions_mut()
            .insert(trunkline::WaitForReady(true));
        println!("{}", client.say_hello(request).await?.into_inner().message);
    }

    // What an operator does, with any channelz client.
    let reader = Channel::builder(format!("ipv4:{admin}"))
        .plaintext()
        .wait_for_ready(true)
        .build()?;
    show(ChannelzClient::new(reader)).await
}

/// Prints the channels, with their subchannels and sockets.
async fn show(mut channelz: ChannelzClient<Channel>) -> Result<(), Box<dyn Error>> {
    let request = GetTopChannelsRequest::default();
    let page = channelz.get_top_channels(request).await?.into_inner();
    for channel in page.channel {
        let data = channel.data.unwrap_or_default();
        println!("channel {}: {} calls", data.target, data.calls_started);
        for event in data.trace.unwrap_or_default().events {
            println!("    {}", event.description);
        }
        for subchannel in channel.subchannel_ref {
            println!("  subchannel {}", subchannel.name);
            let subchannel_id = subchannel.subchannel_id;
            let request = GetSubchannelRequest { subchannel_id };
            let answer = channelz.get_subchannel(request).await?.into_inner();
            for socket in answer.subchannel.unwrap_or_default().socket_ref {
                let request = GetSocketRequest {
                    socket_id: socket.socket_id,
                    summary: false,
                };
                let answer = channelz.get_socket(request).await?.into_inner();
                show_socket(&answer.socket.unwrap_or_default());
            }
        }
    }
    Ok(())
}

fn show_socket(socket: &Socket) {
    let name = socket.r#ref.clone().unwrap_or_default().name;
    let data = socket.data.clone().unwrap_or_default();
    println!(
        "    socket {name}: {} streams, {} of which ended well; the server takes {} more bytes",
        data.streams_started,
        data.streams_succeeded,
        data.local_flow_control_window.unwrap_or_default(),
    );
}
