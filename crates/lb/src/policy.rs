//! The trait to write a policy.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use trunkline_endpoint::{AttemptDelay, Attributes, Endpoint};
use trunkline_service_config::{ConfigError, PolicyConfig};
use trunkline_status::Status;

use crate::{Control, SubchannelId, SubchannelState, WatchEvent, WatchId};

/// A load-balancing policy: told of endpoints and of what becomes of its subchannels, it says
/// which subchannels there are, which connect, and how calls choose among them.
///
/// It does no I/O. Everything that it wants goes through the [`Control`] that comes with each
/// event; when it wants to be woken is named by [`poll_timeout`](Self::poll_timeout). Whoever runs
/// it hands over the events that are there, then calls [`settle`](Self::settle), and lets calls see
/// what is published then. A policy starts as connecting, and should publish on its first update.
pub trait Policy: Debug + Send {
    /// Takes a new list of endpoints and a new configuration.
    ///
    /// # Errors
    ///
    /// When the list cannot be used (it is empty, say): the resolver is told and tries again,
    /// backing off. The update counts as seen all the same.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status>;

    /// Hears that names could not be resolved.
    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>);

    /// Hears of a subchannel that it made and did not remove.
    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    );

    /// Handles an event of a watch that the policy started over the subchannel `id`
    /// ([`Control::watch`]).
    ///
    /// A policy with children hands it to the child that owns the subchannel. Events of a watch come
    /// in order. Whether the end of a watch comes before or after the change of state of its
    /// subchannel is not defined. No event comes after the policy has ended the watch or removed
    /// the subchannel.
    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    );

    /// Hears that the time named by [`poll_timeout`](Self::poll_timeout) has come. An earlier call
    /// changes nothing.
    fn handle_timeout(&mut self, control: &mut Control<'_>);

    /// Hears that the events that came together were all handed over, before calls see what came
    /// of them.
    ///
    /// A policy whose picker costs more the more endpoints there are publishes here: once, however
    /// many events there were. One that publishes as it handles each event has nothing to do. A
    /// policy with children must hand it on to each child that it handed an event, since that may
    /// have put off what it has to say.
    ///
    /// It is called again if what the policy asks for here brings it news at once: a subchannel
    /// that it lets connect is connecting then. So it must come to rest, and ask for nothing when
    /// there is nothing new.
    fn settle(&mut self, control: &mut Control<'_>);

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Connects, if the policy is idle; else nothing.
    fn exit_idle(&mut self, control: &mut Control<'_>);

    /// Forgets the waits of this policy that the application wants to cut short. Back-off itself
    /// belongs to the subchannels. [`settle`](Self::settle) follows, as after each event.
    fn reset_backoff(&mut self);
}

/// What a resolver found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Update {
    /// The endpoints, in the resolver's order.
    pub endpoints: Arc<[Endpoint]>,
    /// What the resolver says of all of them.
    pub attributes: Attributes,
    /// The policy's own part of the service config, as its factory parsed it.
    pub config: Arc<dyn PolicyConfig>,
    /// What the resolver says about this list in words, for errors; may be empty.
    pub resolution_note: Arc<str>,
}

impl Update {
    /// An update with these endpoints.
    pub fn new(endpoints: impl Into<Arc<[Endpoint]>>, config: Arc<dyn PolicyConfig>) -> Self {
        Self {
            endpoints: endpoints.into(),
            attributes: Attributes::new(),
            config,
            resolution_note: Arc::from(""),
        }
    }
}

/// What a resolver's error means for the list that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldList {
    /// Nothing is known against it: it stays in use (the server did not answer, say).
    Keep,
    /// Its addresses belong to the name no more (NXDOMAIN): connections that stand stay in use,
    /// and none is made anew, because the addresses may be somebody else's by now.
    DropList,
}

/// Makes policies of one name.
pub trait PolicyFactory: Debug + Send + Sync {
    /// The name in a service config, such as `round_robin`.
    fn name(&self) -> &str;

    /// Reads the policy's own part of a service config.
    ///
    /// # Errors
    ///
    /// When a field that this policy knows has a bad value. Unknown fields are ignored.
    fn parse_config(&self, config: &Value) -> Result<Arc<dyn PolicyConfig>, ConfigError>;

    /// Makes a policy.
    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy>;
}

/// What the channel gives to a policy that is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyOptions {
    /// The seed of its random choices.
    pub seed: u64,
    /// How long pick_first waits for one address before it tries the next as well.
    pub attempt_delay: AttemptDelay,
}

impl PolicyOptions {
    /// Options with this seed, and defaults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            attempt_delay: AttemptDelay::default(),
        }
    }
}
