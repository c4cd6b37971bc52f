//! The client of one case: tonic's stubs over a Trunkline channel.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use trunkline::{CallEnded, Channel, ChannelEvent, Code, Observer, Tls};

use super::certificates::SERVER_NAME;
use super::proto::test_service_client::TestServiceClient;
use super::proto::unimplemented_service_client::UnimplementedServiceClient;
use super::watched::Watched;
use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

/// The test service.
pub(super) type Tests = TestServiceClient<Watched>;

/// Where a server listens, and how a client connects to it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    address: SocketAddr,
    /// The root certificate for TLS, in PEM; `None` for plaintext.
    root: Option<String>,
}

impl Place {
    /// Returns a place without TLS.
    pub(super) fn plaintext(address: SocketAddr) -> Self {
        Self {
            address,
            root: None,
        }
    }

    /// Returns a place with TLS, and the root that the server's certificate is from.
    pub(super) fn tls(address: SocketAddr, root: &str) -> Self {
        Self {
            address,
            root: Some(root.to_owned()),
        }
    }
}

/// The channel of one case.
#[derive(Clone, Debug)]
pub(super) struct Stub {
    place: Place,
    runtime: NamedRuntime,
    channel: Channel,
    ends: Ends,
}

impl Stub {
    /// Returns a stub with a channel of its own.
    pub(super) fn new(place: &Place, runtime: &NamedRuntime) -> Result<Self, Wrong> {
        let ends = Ends::default();
        let builder = Channel::builder(place.address.to_string())
            .runtime(Arc::clone(&runtime.runtime))
            .observer(ends.clone());
        let builder = match &place.root {
            None => builder.plaintext(),
            Some(root) => {
                let tls = Tls::new().with_ca_pem(root.as_str());
                // The suite's servers have a certificate for this name, not for their addresses.
                builder.tls(tls).authority(SERVER_NAME)
            }
        };
        let channel = builder.build()?;
        Ok(Self {
            place: place.clone(),
            runtime: runtime.clone(),
            channel,
            ends,
        })
    }

    /// Returns a stub with another channel to the same server.
    pub(super) fn with_new_channel(&self) -> Result<Self, Wrong> {
        Self::new(&self.place, &self.runtime)
    }

    /// Returns a client of the test service.
    pub(super) fn tests(&self) -> Tests {
        TestServiceClient::new(Watched(self.channel.clone()))
    }

    /// Returns a client of a service that no server has.
    pub(super) fn unimplemented(&self) -> UnimplementedServiceClient<Watched> {
        UnimplementedServiceClient::new(Watched(self.channel.clone()))
    }

    /// Waits until this time.
    pub(super) async fn sleep_until(&self, time: Instant) {
        self.runtime.runtime.sleep_until(time).await;
    }

    /// Returns how the calls of this channel have ended, in the order of their ends.
    pub(super) fn ends(&self) -> Vec<Code> {
        let ends = self.ends.0.lock();
        ends.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An observer that keeps the codes with which calls ended.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<Mutex<Vec<Code>>>);

impl Observer for Ends {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn call_ended(&self, call: &CallEnded<'_>) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.push(call.status.code());
    }
}
