//! A call, over either channel.

use std::sync::Mutex;

use bytes::Bytes;
use http_body::Body;
use tonic::body::Body as RequestBody;
use tonic::client::GrpcService;
use tonic::codegen::StdError;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use trunkline::runtime::BoxFuture;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

use crate::contestant::Contestant;

/// Makes a call.
pub(crate) type Greet = Box<
    dyn Fn(Request<HelloRequest>) -> BoxFuture<Result<Response<HelloReply>, Status>> + Send + Sync,
>;

/// Returns what makes calls over these servers (`address:port`, separated by commas), in turn.
pub(crate) fn greet(contestant: Contestant, addresses: &str) -> Greet {
    if contestant == Contestant::Tonic {
        let endpoint = |address| {
            let endpoint = Endpoint::from_shared(format!("http://{address}"));
            endpoint.expect("a good address").tcp_nodelay(true)
        };
        let channel = Channel::balance_list(addresses.split(',').map(endpoint));
        return boxed(GreeterClient::new(channel));
    }
    let channel = trunkline::Channel::builder(format!("ipv4:{addresses}"))
        .plaintext()
        .load_balancing("round_robin")
        .runtime(contestant.runtime())
        .build()
        .expect("a good target");
    boxed(GreeterClient::new(channel))
}

fn boxed<T>(stub: GreeterClient<T>) -> Greet
where
    T: GrpcService<RequestBody> + Clone + Send + 'static,
    T::Error: Into<StdError>,
    T::Future: Send,
    T::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    let stub = Mutex::new(stub);
    Box::new(move |request| {
        let mut stub = stub.lock().expect("no panic").clone();
        Box::pin(async move { stub.say_hello(request).await })
    })
}

/// Returns the result of a call that failed: its code and its text.
pub(crate) fn failure(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
