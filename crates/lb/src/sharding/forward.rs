//! The events that a policy over an `EndpointSharding` only forwards.

/// Implements the methods of [`Policy`](crate::Policy) that only forward to the
/// [`EndpointSharding`](crate::EndpointSharding) in the field `endpoints`.
///
/// The others are the policy's own: `handle_update`, `exit_idle`, `settle` and `inspect`.
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

        $crate::forward::forward_events!(to endpoints);
    };
}

pub(crate) use forward_to_endpoints;
