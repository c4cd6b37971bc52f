//! The child that has the servers of one client.

use std::io::stdin;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::transport::Server;
use tonic::{Code, Status, async_trait};
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

use crate::deadlines::{ANSWER, Answer, TIMEOUT};
use crate::socket::{Closed, Socket};

/// The kinds of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Three tonic servers as they are: they announce their limit of header lists, 16 KiB.
    Announcing,
    /// Three tonic servers that have the same limit, and do not announce it.
    Silent,
    /// A server that lets deadlines pass, and a tonic server whose work takes longer than those.
    Late,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Announcing, Self::Silent, Self::Late];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Announcing => "announcing",
            Self::Silent => "silent",
            Self::Late => "late",
        }
    }
}

/// How long a call takes at a tonic server, so that some calls are under way at any time.
const WORK: Duration = Duration::from_millis(10);

/// How many calls may be cancelled before the server gets to them: any number. On a busy machine h2
/// would otherwise take calls whose deadline has passed for an attack, and close the connection.
const MOST_RESETS: usize = usize::MAX;

/// Prints the addresses of the servers, and then, for each line of the parent, how many connections
/// were closed.
pub(crate) fn run(kind: Kind) {
    let closed = Closed::default();
    let count = Arc::clone(&closed);
    thread::spawn(move || {
        for _ in stdin().lines().map_while(Result::ok) {
            println!("{}", count.load(Relaxed));
        }
        // The parent has ended.
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    runtime.block_on(async {
        let mut addresses = Vec::new();
        if kind == Kind::Late {
            let (listener, address) = listen().await;
            tokio::spawn(late(listener));
            addresses.push(address);
            addresses.push(start_tonic(&closed, false, TIMEOUT * 3).await);
        } else {
            for _ in 0..3 {
                let hides_limit = kind == Kind::Silent;
                addresses.push(start_tonic(&closed, hides_limit, WORK).await);
            }
        }
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        println!("{}", addresses.join(","));
        std::future::pending::<()>().await;
    });
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a loopback port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

/// Starts a tonic server whose calls take as long as `work`.
async fn start_tonic(closed: &Closed, hides_limit: bool, work: Duration) -> SocketAddr {
    let (listener, address) = listen().await;
    let closed = Arc::clone(closed);
    let incoming = unfold(listener, move |listener| {
        let closed = Arc::clone(&closed);
        async move {
            let accepted = listener.accept().await;
            let socket = accepted.map(|(stream, _)| Socket::new(stream, closed, hides_limit));
            Some((socket, listener))
        }
    });
    let service = GreeterServer::new(Hello { address, work });
    let server = Server::builder().http2_max_pending_accept_reset_streams(Some(MOST_RESETS));
    tokio::spawn(server.serve_with_incoming(service, incoming));
    address
}

#[derive(Debug)]
struct Hello {
    address: SocketAddr,
    work: Duration,
}

#[async_trait]
impl Greeter for Hello {
    async fn say_hello(
        &self,
        _: tonic::Request<HelloRequest>,
    ) -> Result<tonic::Response<HelloReply>, Status> {
        sleep(self.work).await;
        let message = self.address.to_string();
        Ok(tonic::Response::new(HelloReply { message }))
    }
}

/// Lets the deadline of each call pass, in the way that the call asks for.
async fn late(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a TCP socket");
        tokio::spawn(async move {
            let mut builder = h2::server::Builder::new();
            builder.max_pending_accept_reset_streams(MOST_RESETS);
            let connection = builder.handshake(stream).await;
            let mut connection: h2::server::Connection<_, Bytes> =
                connection.expect("a client that speaks HTTP/2");
            while let Some(Ok((request, respond))) = connection.accept().await {
                // An error is caused by a call that the client has cancelled.
                tokio::spawn(async { answer(request, respond).await.ok() });
            }
        });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let asked = request.headers().get(ANSWER);
    let asked = asked.and_then(|name| Answer::named(name.as_bytes()));
    let (answer, has_head) = asked.expect("a call that asks for an answer");
    let head = |status: Option<Code>| {
        let mut head = Response::new(());
        let headers = head.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        if let Some(code) = status {
            headers.insert("grpc-status", HeaderValue::from(code as i32));
        }
        head
    };
    let trailers = |code: Code| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(code as i32));
        trailers
    };
    let mut body = None;
    if has_head {
        body = Some(respond.send_response(head(None), false)?);
    }
    // The client began to wait before the call arrived here, so its deadline has passed then.
    sleep(TIMEOUT).await;
    match answer {
        Answer::Never => std::future::pending::<()>().await,
        Answer::Late => {
            let mut body = match body {
                Some(body) => body,
                None => respond.send_response(head(None), false)?,
            };
            // An empty message.
            body.send_data(Bytes::from_static(&[0; 5]), false)?;
            body.send_trailers(trailers(Code::Ok))?;
        }
        Answer::Cancelled => match body {
            Some(mut body) => body.send_trailers(trailers(Code::Cancelled))?,
            None => drop(respond.send_response(head(Some(Code::Cancelled)), true)?),
        },
        Answer::Reset => respond.send_reset(Reason::CANCEL),
        Answer::NotGrpc => {
            let mut head = head(None);
            *head.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            head.headers_mut().clear();
            respond.send_response(head, true)?;
        }
    }
    Ok(())
}
