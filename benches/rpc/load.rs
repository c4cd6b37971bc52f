//! A caller, which makes calls one after the other.

use std::future::Future;
use std::time::Duration;

use tonic::{Request, Response, Status};
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

use crate::case::Case;

/// Far longer than a call takes, so only the cost of setting it is measured.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The stub, over either channel.
pub(crate) trait Stub: Clone + Send + 'static {
    fn greet(
        &mut self,
        request: Request<HelloRequest>,
    ) -> impl Future<Output = Result<Response<HelloReply>, Status>> + Send;
}

impl Stub for GreeterClient<trunkline::Channel> {
    fn greet(
        &mut self,
        request: Request<HelloRequest>,
    ) -> impl Future<Output = Result<Response<HelloReply>, Status>> + Send {
        self.say_hello(request)
    }
}

impl Stub for GreeterClient<tonic::transport::Channel> {
    fn greet(
        &mut self,
        request: Request<HelloRequest>,
    ) -> impl Future<Output = Result<Response<HelloReply>, Status>> + Send {
        self.say_hello(request)
    }
}

/// Makes calls, one after the other, and checks that each reply belongs to its call.
pub(crate) async fn caller<S: Stub>(mut stub: S, case: Case, caller: usize, calls: usize) {
    for call in 0..calls {
        let mut name = format!("{caller:04}-{call:08}-");
        name.extend(std::iter::repeat_n('x', case.payload - name.len()));
        let mut request = Request::new(HelloRequest { name: name.clone() });
        if case.has_timeout {
            request.set_timeout(TIMEOUT);
        }
        let reply = stub.greet(request).await.expect("a reply");
        assert_eq!(reply.into_inner().message, name);
    }
}
