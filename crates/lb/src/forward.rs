//! The events that a policy over other policies only forwards.

/// Implements the methods of [`Policy`](crate::Policy) that only forward an event to the policies below.
/// The other methods are the policy's own.
///
/// - `forward_events!(to field)` forwards to the methods of the same names of `self.field`: those for
///   subchannels, watches, ejections and time, `poll_timeout` and `reset_backoff`.
/// - `forward_events!(through method)` is for a policy that looks at what its child requests or publishes.
///   It calls `self.method(control, |child, control| ..)`, whose second argument hands the event to the
///   child: one for a subchannel, a watch, an ejection or time, and `exit_idle`.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use trunkline_lb::{
///     Control, GracefulSwitch, OldList, Policy, PolicyNode, Update, forward_events,
/// };
/// use trunkline_status::Status;
///
/// /// Gives its child the first of the endpoints alone.
/// #[derive(Debug)]
/// struct First {
///     child: GracefulSwitch,
/// }
///
/// impl Policy for First {
///     fn handle_update(
///         &mut self,
///         mut update: Update,
///         control: &mut Control<'_>,
///     ) -> Result<(), Status> {
///         update.endpoints = update.endpoints.iter().take(1).cloned().collect();
///         self.child.handle_update(update, control)
///     }
///
///     fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
///         self.child.handle_resolver_error(error, old, control);
///     }
///
///     forward_events!(to child);
///
///     fn exit_idle(&mut self, control: &mut Control<'_>) {
///         self.child.exit_idle(control);
///     }
///
///     fn settle(&mut self, control: &mut Control<'_>) {
///         self.child.settle(control);
///     }
///
///     fn inspect(&self, now: Instant) -> PolicyNode {
///         self.child.inspect(now)
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward_events {
    (to $below:ident) => {
        fn handle_subchannel(
            &mut self,
            id: $crate::SubchannelId,
            state: $crate::SubchannelState,
            control: &mut $crate::Control<'_>,
        ) {
            self.$below.handle_subchannel(id, state, control);
        }

        fn handle_watch(
            &mut self,
            watch: $crate::WatchId,
            id: $crate::SubchannelId,
            event: $crate::WatchEvent,
            control: &mut $crate::Control<'_>,
        ) {
            self.$below.handle_watch(watch, id, event, control);
        }

        fn handle_ejection(
            &mut self,
            id: $crate::SubchannelId,
            ejected: bool,
            control: &mut $crate::Control<'_>,
        ) {
            self.$below.handle_ejection(id, ejected, control);
        }

        fn handle_timeout(&mut self, control: &mut $crate::Control<'_>) {
            self.$below.handle_timeout(control);
        }

        fn poll_timeout(&self) -> ::std::option::Option<::std::time::Instant> {
            self.$below.poll_timeout()
        }

        fn reset_backoff(&mut self) {
            self.$below.reset_backoff();
        }
    };

    (through $forward:ident) => {
        fn handle_subchannel(
            &mut self,
            id: $crate::SubchannelId,
            state: $crate::SubchannelState,
            control: &mut $crate::Control<'_>,
        ) {
            self.$forward(control, |child, control| {
                child.handle_subchannel(id, state, control);
            });
        }

        fn handle_watch(
            &mut self,
            watch: $crate::WatchId,
            id: $crate::SubchannelId,
            event: $crate::WatchEvent,
            control: &mut $crate::Control<'_>,
        ) {
            self.$forward(control, |child, control| {
                child.handle_watch(watch, id, event, control);
            });
        }

        fn handle_ejection(
            &mut self,
            id: $crate::SubchannelId,
            ejected: bool,
            control: &mut $crate::Control<'_>,
        ) {
            self.$forward(control, |child, control| {
                child.handle_ejection(id, ejected, control);
            });
        }

        fn handle_timeout(&mut self, control: &mut $crate::Control<'_>) {
            self.$forward(control, |child, control| child.handle_timeout(control));
        }

        fn exit_idle(&mut self, control: &mut $crate::Control<'_>) {
            self.$forward(control, |child, control| child.exit_idle(control));
        }
    };
}

pub(crate) use forward_events;
