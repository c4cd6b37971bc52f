//! The picker of `ring_hash`.

use std::hash::Hasher;
use std::sync::Arc;

use http::HeaderName;
use trunkline_status::Status;
use twox_hash::XxHash64;

use super::attributes::RequestHash;
use super::requests::Requests;
use super::ring::{Ring, SEED};
use crate::attempt::AttemptTracker;
use crate::per_thread::PickRng;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;

/// The state of an endpoint, with what a pick needs in it.
#[derive(Clone, Debug)]
pub(super) enum EndpointState {
    Ready(SubchannelId),
    Connecting,
    Idle,
    /// The picker has the error.
    Failing(Arc<dyn Picker>),
}

/// Picks the endpoint whose place on the ring follows the hash of the call.
#[derive(Debug)]
pub(super) struct RingHashPicker {
    pub(super) ring: Arc<Ring>,
    /// By slot.
    pub(super) states: Box<[EndpointState]>,
    /// Whether an endpoint is connecting.
    pub(super) has_connecting: bool,
    /// Whether all endpoints are failing.
    pub(super) all_failing: bool,
    /// Where a pick leaves the endpoint that is to connect.
    pub(super) requests: Arc<Requests>,
    /// The header whose values are hashed, in place of the call attribute.
    pub(super) header: Option<HeaderName>,
    /// Makes the hash of a call without the header.
    pub(super) rng: Arc<PickRng>,
}

impl RingHashPicker {
    /// Hashes the values of a header, joined with commas; `None` if the call does not have it.
    fn hash_header(request: &PickRequest<'_>, header: &HeaderName) -> Option<u64> {
        let mut values = request.metadata.get_all(header).iter();
        let first = values.next()?.as_bytes();
        let Some(second) = values.next() else {
            return Some(XxHash64::oneshot(SEED, first));
        };
        let mut hasher = XxHash64::with_seed(SEED);
        hasher.write(first);
        for value in std::iter::once(second).chain(values) {
            hasher.write(b",");
            hasher.write(value.as_bytes());
        }
        Some(hasher.finish())
    }

    /// Picks for a call with a hash of its own: the first endpoint from there that is not failing,
    /// whether or not it is connected yet.
    ///
    /// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md#ring-hash).
    fn pick_by_hash(&self, hash: u64, request: &PickRequest<'_>) -> Pick {
        let first = self.ring.position(hash);
        if !self.all_failing {
            for slot in self.ring.walk(first) {
                match self.states[slot] {
                    EndpointState::Ready(id) => return Pick::Subchannel(id),
                    EndpointState::Connecting => return Pick::Queue,
                    EndpointState::Idle => {
                        self.requests.add(slot);
                        return Pick::ExitIdle;
                    }
                    EndpointState::Failing(_) => {}
                }
            }
        }
        self.fail(first, request)
    }

    /// Picks for a call that may go anywhere: the first ready endpoint from a random place on the
    /// ring. If none is connecting, it requests the first idle one on the way to be connected.
    ///
    /// Source: [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md).
    fn pick_anywhere(&self, request: &PickRequest<'_>) -> Pick {
        let first = self.ring.position(self.rng.next_number());
        if self.all_failing {
            return self.fail(first, request);
        }
        let mut has_requested = false;
        for slot in self.ring.walk(first) {
            match self.states[slot] {
                EndpointState::Ready(id) if has_requested => {
                    return Pick::SubchannelAndExitIdle(id);
                }
                EndpointState::Ready(id) => return Pick::Subchannel(id),
                EndpointState::Idle if !has_requested && !self.has_connecting => {
                    self.requests.add(slot);
                    has_requested = true;
                }
                _ => {}
            }
        }
        if has_requested {
            Pick::ExitIdle
        } else if self.has_connecting {
            Pick::Queue
        } else {
            self.fail(first, request)
        }
    }

    /// Fails with the error of the endpoint at this place on the ring.
    fn fail(&self, position: usize, request: &PickRequest<'_>) -> Pick {
        let failure = self.ring.walk(position).find_map(|slot| {
            let EndpointState::Failing(picker) = &self.states[slot] else {
                return None;
            };
            Some(picker.pick(request))
        });
        failure.unwrap_or(Pick::Queue)
    }
}

impl Picker for RingHashPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        match &self.header {
            Some(header) => match Self::hash_header(request, header) {
                Some(hash) => self.pick_by_hash(hash, request),
                None => self.pick_anywhere(request),
            },
            None => match request.attributes.get::<RequestHash>() {
                Some(hash) => self.pick_by_hash(*hash, request),
                // A later picker would do the same, so waiting cannot help.
                None => Pick::Drop(Status::internal(
                    "ring_hash has no hash of this call: set `requestHashHeader` in the policy's \
                     config, or the call attribute `RequestHash`",
                )),
            },
        }
    }

    /// Returns `None`: the children are pick_firsts, which track nothing.
    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
