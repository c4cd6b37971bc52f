//! A policy for tests: round_robin, with a picker, a watch or a request that the test chooses.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Authority;
use serde_json::Value;
use trunkline_lb::{
    AttemptTracker, Child, Control, OldList, Pick, PickRequest, Picker, Policy, PolicyFactory,
    PolicyNode, PolicyOptions, RoundRobinFactory, SubchannelId, SubchannelState, Update, Watch,
    WatchEvent, WatchId,
};
use trunkline_runtime::Lock;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};
use trunkline_status::Status;

/// The service config that names the policy of a [`TestPolicyFactory`].
pub(crate) const TEST_POLICY: &str = r#"{"loadBalancingConfig":[{"test_policy":{}}]}"#;

/// Makes a test's picker around that of round_robin.
type WrapPicker = Arc<dyn Fn(Arc<dyn Picker>) -> Arc<dyn Picker> + Send + Sync>;

/// The events of a policy's watches, in order.
pub(crate) type WatchLog = Arc<Lock<Vec<WatchEvent>>>;

/// Makes policies that do what round_robin does, and have a picker, watches or requests of the test.
#[derive(Clone, Default)]
pub(crate) struct TestPolicyFactory {
    wrap: Option<WrapPicker>,
    watch: Option<TestWatch>,
    request_after: Option<Duration>,
}

/// A watch that a policy starts on each subchannel.
#[derive(Clone)]
struct TestWatch {
    call: Watch,
    /// The watch starts when the subchannel enters this state.
    starts_in: SubchannelState,
    log: WatchLog,
}

impl TestPolicyFactory {
    /// Makes policies whose pickers are `wrap` around those of round_robin.
    pub(crate) fn with_picker<P: Picker + 'static>(
        wrap: impl Fn(Arc<dyn Picker>) -> P + Send + Sync + 'static,
    ) -> Self {
        Self {
            wrap: Some(Arc::new(move |inner| Arc::new(wrap(inner)))),
            ..Self::default()
        }
    }

    /// Makes policies that start `call` on each subchannel that enters the state `starts_in`, and
    /// log the events of these watches.
    pub(crate) fn with_watch(call: Watch, starts_in: SubchannelState, log: &WatchLog) -> Self {
        Self {
            watch: Some(TestWatch {
                call,
                starts_in,
                log: Arc::clone(log),
            }),
            ..Self::default()
        }
    }

    /// Makes policies that ask for a new resolution when this time has passed since their list.
    pub(crate) fn with_request_after(time: Duration) -> Self {
        Self {
            request_after: Some(time),
            ..Self::default()
        }
    }
}

impl PolicyFactory for TestPolicyFactory {
    fn name(&self) -> &str {
        "test_policy"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        RoundRobinFactory.parse_config(config, policies)
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(TestPolicy {
            child: Child::new(RoundRobinFactory.build(options)),
            factory: self.clone(),
            request_at: None,
        })
    }
}

/// The policy of a [`TestPolicyFactory`]; its child is round_robin.
#[derive(Debug)]
struct TestPolicy {
    child: Child<Box<dyn Policy>>,
    factory: TestPolicyFactory,
    /// When it asks for a new resolution.
    request_at: Option<Instant>,
}

impl TestPolicy {
    /// Passes an event to the child, and publishes the picker that the child publishes, wrapped.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
    ) -> R {
        let (result, published) = self
            .child
            .handle(control, |policy, control| event(&mut **policy, control));
        if let Some(published) = published {
            let picker = match &self.factory.wrap {
                Some(wrap) => wrap(published.picker),
                None => published.picker,
            };
            control.publish(published.state, picker);
        }
        result
    }
}

impl Policy for TestPolicy {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let after = self.factory.request_after;
        self.request_at = after.map(|time| control.now() + time);
        self.forward(control, |policy, control| {
            policy.handle_update(update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |policy, control| {
            policy.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if let Some(watch) = &self.factory.watch
            && watch.starts_in == state
        {
            control.watch(id, watch.call.clone());
        }
        self.forward(control, |policy, control| {
            policy.handle_subchannel(id, state, control);
        });
    }

    fn handle_watch(
        &mut self,
        _: WatchId,
        _: SubchannelId,
        event: WatchEvent,
        _: &mut Control<'_>,
    ) {
        // All watches are this policy's own: round_robin starts none.
        if let Some(watch) = &self.factory.watch {
            watch.log.lock().push(event);
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.forward(control, |policy, control| {
            policy.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.request_at.is_some_and(|at| at <= control.now()) {
            self.request_at = None;
            control.request_reresolution();
        }
        self.forward(control, |policy, control| policy.handle_timeout(control));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.child.policy().poll_timeout(), self.request_at];
        times.into_iter().flatten().min()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |policy, control| policy.exit_idle(control));
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |policy, control| policy.settle(control));
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        self.child.policy().inspect(now)
    }
}

impl fmt::Debug for TestPolicyFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPolicyFactory").finish_non_exhaustive()
    }
}

/// Leaves the choice to another picker, and addresses the calls to a host.
#[derive(Debug)]
pub(crate) struct AddressedTo {
    pub(crate) inner: Arc<dyn Picker>,
    pub(crate) host: Authority,
}

impl AddressedTo {
    /// Makes policies whose pickers address the calls to this host.
    pub(crate) fn policy(host: &'static str) -> TestPolicyFactory {
        let host = Authority::from_static(host);
        TestPolicyFactory::with_picker(move |inner| Self {
            inner,
            host: host.clone(),
        })
    }
}

impl Picker for AddressedTo {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        request.set_authority(&self.host);
        self.inner.pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.inner.tracker()
    }
}
