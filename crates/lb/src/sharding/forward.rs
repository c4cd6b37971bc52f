//! The events that a policy over an `EndpointSharding` only forwards.

/// Implements the methods of [`Policy`](crate::Policy) that only forward to the
/// [`EndpointSharding`](crate::EndpointSharding) in the field `endpoints`.
///
/// The others are the policy's own: `handle_update`, `exit_idle` and `settle`.
macro_rules! forward_to_endpoints {
    () => {
        fn handle_resolver_error(
            &mut self,
            error: ::trunkline_status::Status,
            old: $crate::OldList,
            control: &mut $crate::Control<'_>,
        ) {
            self.endpoints.handle_resolver_error(&error, old, control);
        }

        fn handle_subchannel(
            &mut self,
            id: $crate::SubchannelId,
            state: $crate::SubchannelState,
            control: &mut $crate::Control<'_>,
        ) {
            self.endpoints.handle_subchannel(id, state, control);
        }

        fn handle_watch(
            &mut self,
            watch: $crate::WatchId,
            id: $crate::SubchannelId,
            event: $crate::WatchEvent,
            control: &mut $crate::Control<'_>,
        ) {
            self.endpoints.handle_watch(watch, id, event, control);
        }

        fn handle_ejection(
            &mut self,
            id: $crate::SubchannelId,
            ejected: bool,
            control: &mut $crate::Control<'_>,
        ) {
            self.endpoints.handle_ejection(id, ejected, control);
        }

        fn handle_timeout(&mut self, control: &mut $crate::Control<'_>) {
            self.endpoints.handle_timeout(control);
        }

        fn poll_timeout(&self) -> Option<::std::time::Instant> {
            self.endpoints.poll_timeout()
        }

        fn reset_backoff(&mut self) {
            self.endpoints.reset_backoff();
        }
    };
}

pub(crate) use forward_to_endpoints;
