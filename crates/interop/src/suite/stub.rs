//! The client of one case: tonic's stubs over a Trunkline channel.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use trunkline::{
    CallEnded, Channel, ChannelBuilder, ChannelEvent, Code, Ejection, Observer, Runtime, Tls,
};

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
    target: String,
    /// `None` for plaintext.
    tls: Option<Tls>,
}

impl Place {
    /// Returns a place without TLS.
    pub(super) fn plaintext(address: SocketAddr) -> Self {
        Self {
            target: address.to_string(),
            tls: None,
        }
    }

    /// Returns a place with TLS.
    pub(super) fn tls(address: SocketAddr, tls: Tls) -> Self {
        Self {
            target: address.to_string(),
            tls: Some(tls),
        }
    }

    /// Returns the place that a target leads to, without TLS.
    pub(super) fn target(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            tls: None,
        }
    }

    /// Returns a place of several servers that have IPv4 addresses.
    pub(super) fn several(addresses: &[SocketAddr], tls: Option<Tls>) -> Self {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Self {
            target: format!("ipv4:{}", addresses.join(",")),
            tls,
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
        Self::new_with(place, runtime, |builder| builder)
    }

    /// Returns a stub with a channel of its own, whose builder `change` completes.
    pub(super) fn new_with(
        place: &Place,
        runtime: &NamedRuntime,
        change: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
    ) -> Result<Self, Wrong> {
        let ends = Ends::default();
        let builder = Channel::builder(&place.target)
            .runtime(Arc::clone(&runtime.runtime))
            .observer(ends.clone());
        let builder = match &place.tls {
            None => builder.plaintext(),
            // The servers' certificate is for a name, not for their addresses.
            Some(tls) => builder.tls(tls.clone()).authority(SERVER_NAME),
        };
        let channel = change(builder).build()?;
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

    /// Returns a stub with another channel to the same server, whose builder `change` completes.
    pub(super) fn with_changed_channel(
        &self,
        change: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
    ) -> Result<Self, Wrong> {
        Self::new_with(&self.place, &self.runtime, change)
    }

    /// Returns how many connections the channel has made.
    pub(super) fn connected(&self) -> usize {
        self.ends.connected.load(Ordering::Relaxed)
    }

    /// Starts to connect, before the first call.
    pub(super) fn connect(&self) -> Result<(), Wrong> {
        let connecting = self.channel.connect();
        connecting.map_err(|status| status.to_string().into())
    }

    /// Returns the runtime of the channel.
    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime.runtime
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

    /// Returns how many connections this channel has lost.
    pub(super) fn lost(&self) -> usize {
        self.ends.lost.load(Ordering::Relaxed)
    }

    /// Returns how many attempts a retry policy has started in this channel.
    pub(super) fn retries(&self) -> usize {
        self.ends.retries.load(Ordering::Relaxed)
    }

    /// Returns the decisions of outlier detection in this channel, in their order.
    pub(super) fn ejections(&self) -> Vec<Ejection> {
        let ejections = self.ends.ejections.lock();
        ejections.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether the server has no service of load reports, although the policy asked for them.
    pub(super) fn lacks_load_reports(&self) -> bool {
        self.ends.lacks_load_reports.load(Ordering::Relaxed)
    }

    /// Returns how the calls of this channel have ended, in the order of their ends.
    pub(super) fn ends(&self) -> Vec<Code> {
        let codes = self.ends.codes.lock();
        codes.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An observer that keeps the codes with which calls ended and the ejections of backends, counts
/// connections, their losses and retries, and records that the server has no service of load reports.
#[derive(Clone, Debug, Default)]
struct Ends {
    ejections: Arc<Mutex<Vec<Ejection>>>,
    codes: Arc<Mutex<Vec<Code>>>,
    connected: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
    retries: Arc<AtomicUsize>,
    lacks_load_reports: Arc<AtomicBool>,
}

impl Observer for Ends {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        match event {
            ChannelEvent::Connected { .. } => {
                self.connected.fetch_add(1, Ordering::Relaxed);
            }
            ChannelEvent::Lost { .. } => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            ChannelEvent::Ejection { ejection, .. } => {
                let ejections = self.ejections.lock();
                let mut ejections = ejections.unwrap_or_else(PoisonError::into_inner);
                ejections.push(ejection.clone());
            }
            ChannelEvent::LoadReportsUnsupported { .. } => {
                self.lacks_load_reports.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        self.retries
            .fetch_add(call.retries as usize, Ordering::Relaxed);
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.push(call.status.code());
    }
}
