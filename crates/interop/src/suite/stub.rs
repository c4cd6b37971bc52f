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
    /// `None` for plaintext.
    tls: Option<Tls>,
}

impl Place {
    /// Returns a place without TLS.
    pub(super) fn plaintext(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// Returns a place with TLS.
    pub(super) fn tls(address: SocketAddr, tls: Tls) -> Self {
        Self {
            address,
            tls: Some(tls),
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
        let builder = match &place.tls {
            None => builder.plaintext(),
            // The servers' certificate is for a name, not for their addresses.
            Some(tls) => builder.tls(tls.clone()).authority(SERVER_NAME),
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
