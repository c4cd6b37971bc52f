//! Watches: a policy that sends calls only to a backend that reports that it is serving, as health
//! checking does ([gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md)).

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::uri::PathAndQuery;
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, check_policy};
use trunkline_lb::{
    Child, ConnectivityState, Control, OldList, Pick, PickFirst, PickFirstConfig, Picker, Policy,
    PolicyNode, PolicyOptions, Published, SubchannelId, SubchannelState, Update, Watch, WatchEvent,
    WatchId,
};
use trunkline_status::{Code, Status};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

/// Watches the health of the backend that pick_first has chosen.
#[derive(Debug)]
struct Healthy {
    child: Child<PickFirst>,
    /// The watch that runs, and what pick_first has published.
    watched: Option<(WatchId, Published)>,
    /// The state that was published last.
    state: ConnectivityState,
}

impl Healthy {
    fn channel() -> FakeChannel<Self> {
        let mut channel = FakeChannel::new(Self {
            child: Child::new(PickFirst::new(&PolicyOptions::new(7))),
            watched: None,
            state: Connecting,
        });
        let accepted = channel.update(&[A, B].join(" "));
        accepted.expect("the policy accepts the list");
        channel
    }

    /// Hands an event to pick_first. Holds back its READY, and starts a watch instead.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut PickFirst, &mut Control<'_>) -> R,
    ) -> R {
        let (result, published) = self.child.handle(control, event);
        if let Some(published) = published {
            self.watched = None;
            match self.child.policy().selected() {
                Some(id) => self.watch(id, published, control),
                None => self.publish(published.state, published.picker, control),
            }
        }
        result
    }

    fn watch(&mut self, id: SubchannelId, published: Published, control: &mut Control<'_>) {
        let path = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
        let watch = control.watch(id, Watch::new(path, Bytes::new()));
        self.watched = Some((watch, published));
        self.publish(Connecting, Arc::new(Pick::Queue), control);
    }

    fn publish(
        &mut self,
        state: ConnectivityState,
        picker: Arc<dyn Picker>,
        control: &mut Control<'_>,
    ) {
        self.state = state;
        control.publish(state, picker);
    }
}

impl Policy for Healthy {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        self.forward(control, |child, control| {
            child.handle_update(update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.forward(control, |child, control| {
            child.handle_subchannel(id, state, control);
        });
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        let Some((_, published)) = self.watched.clone().filter(|(known, _)| *known == watch) else {
            return;
        };
        match event {
            WatchEvent::Message(message) if message == "serving" => {
                self.publish(published.state, published.picker, control);
            }
            WatchEvent::Message(_) => {
                let error = Status::unavailable("the backend is not serving");
                self.publish(TransientFailure, Arc::new(Pick::Fail(error)), control);
            }
            // The server does not check its health: take it for healthy.
            WatchEvent::Ended(status) if status.code() == Code::Unimplemented => {
                self.publish(published.state, published.picker, control);
            }
            // A real policy waits for a back-off first.
            WatchEvent::Ended(_) => self.watch(id, published, control),
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.handle_timeout(control));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.child.policy().poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.exit_idle(control));
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self.child.policy().inspect(now);
        PolicyNode::new("healthy", self.state).with_child(child)
    }
}

/// The policy keeps the rules of a policy.
#[test]
fn rules() {
    check_policy(Arc::new(PickFirstConfig::default()), |options| {
        Box::new(Healthy {
            child: Child::new(PickFirst::new(options)),
            watched: None,
            state: Connecting,
        })
    });
}

/// Returns the one watch that runs over the subchannel of `address`.
fn watch_of(channel: &FakeChannel<Healthy>, address: &str) -> WatchId {
    let watches = channel.watches_of(channel.id(address));
    assert_eq!(watches.len(), 1);
    watches[0]
}

/// Calls wait until the backend reports that it is serving, and fail while it is not.
#[test]
fn messages() {
    let mut channel = Healthy::channel();
    channel.ready(A);
    assert_eq!(channel.states(), [Connecting, Connecting]);
    let watch = watch_of(&channel, A);
    let (_, call) = &channel.watches[&watch];
    assert_eq!(call.path, "/grpc.health.v1.Health/Watch");
    channel.watch_message(watch, "serving");
    assert_eq!(channel.picked(), A);
    channel.watch_message(watch, "not serving");
    assert_eq!(channel.error(), "the backend is not serving");
    channel.watch_message(watch, "serving");
    assert_eq!(channel.states(), [Ready, TransientFailure, Ready]);
}

/// A watch that the server ends is started again, with an id of its own.
#[test]
fn ended_by_the_server() {
    let mut channel = Healthy::channel();
    channel.ready(A);
    let first = watch_of(&channel, A);
    channel.end_watch(first, Status::unavailable("shutting down"));
    let second = watch_of(&channel, A);
    assert_ne!(first, second);
    channel.end_watch(second, Status::new(Code::Unimplemented, "no such method"));
    assert_eq!(channel.picked(), A);
    assert_eq!(channel.watches.len(), 0);
}

/// A watch ends with the connection. The next connection gets another one.
#[test]
fn ended_with_the_connection() {
    let mut channel = Healthy::channel();
    channel.ready(A);
    let first = watch_of(&channel, A);
    channel.idle(A);
    assert_eq!(channel.state(), Idle);
    assert_eq!(channel.watches.len(), 0);
    channel.exit_idle();
    channel.fail(A);
    channel.ready(B);
    assert_ne!(watch_of(&channel, B), first);
}

/// A watch ends, without an event, when its subchannel is removed.
#[test]
fn ended_with_the_subchannel() {
    let mut channel = Healthy::channel();
    channel.ready(A);
    channel.update(B).expect("the policy accepts the list");
    assert_eq!(channel.watches.len(), 0);
    assert_eq!(channel.state(), Connecting);
}
