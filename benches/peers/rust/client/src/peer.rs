//! What an implementation of gRPC provides.

use std::future::Future;
use std::time::Duration;

use crate::protocol::{Ability, Setup};

/// The name of the unary method.
pub const UNARY: &str = "/helloworld.Greeter/SayHello";

/// The name of the method with a stream of messages each way.
pub const STREAM: &str = "/helloworld.Greeter/SayHelloBidiStream";

/// The timeout of calls that have one. It is far longer than a call takes, so only the cost of
/// setting it is measured.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Window of a stream, in bytes, for implementations that can choose it.
pub const STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// Window of a connection, in bytes, for implementations that can choose it.
pub const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

/// Security of the calls over TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The root certificate in PEM.
    pub root_pem: String,
    /// The name in the certificate of the backends.
    pub server_name: String,
}

/// An implementation of gRPC, with its runtime. Clones share the runtime.
pub trait Peer: Clone + Send + 'static {
    /// Its channel.
    type Stub: Stub;

    /// The version of the implementation.
    const VERSION: &'static str;

    /// Returns what its rounds can have.
    fn abilities() -> Vec<Ability>;

    /// Prepares the runtime.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn new(setup: &Setup) -> Result<Self, String>;

    /// Returns a channel to these backends: by pick_first to one, by round_robin to several. A caller may
    /// call it, too.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn connect(&self, backends: &[String], tls: Option<Tls>) -> Result<Self::Stub, String>;

    /// Runs all callers until the last one is done, and returns their results.
    ///
    /// # Errors
    ///
    /// The first failure of a caller.
    fn run<F>(&self, stub: &Self::Stub, callers: Vec<F>) -> Result<Vec<Vec<u64>>, String>
    where
        F: Future<Output = Result<Vec<u64>, String>> + Send + 'static;

    /// Waits, while connections work.
    fn wait(&self, time: Duration);
}

/// A channel, from which callers make calls.
pub trait Stub: Clone + Send + 'static {
    /// A message that has been received.
    type Reply: Text;

    /// A call with a stream of messages each way.
    type Stream: Stream<Reply = Self::Reply> + Send;

    /// Makes a unary call, with [`TIMEOUT`] if `has_timeout`.
    fn greet(
        &mut self,
        name: &str,
        has_timeout: bool,
    ) -> impl Future<Output = Result<Self::Reply, String>> + Send;

    /// Starts a call with a stream of messages each way.
    fn stream(&mut self) -> impl Future<Output = Result<Self::Stream, String>> + Send;
}

/// A call with a stream of messages each way.
pub trait Stream {
    /// A message that has been received.
    type Reply: Text;

    /// Sends a message.
    fn send(&mut self, name: &str) -> impl Future<Output = Result<(), String>> + Send;

    /// Ends the messages to the backend.
    fn close(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Waits for the next message, or for the end of the call, which is `None` if the status is OK.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Self::Reply>, String>> + Send;
}

/// A message that has been received.
pub trait Text: Send {
    /// Returns the bytes of its field 1.
    fn bytes(&self) -> &[u8];
}
