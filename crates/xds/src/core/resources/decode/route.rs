//! A route.

use trunkline_service_config::RetryPolicy;
use trunkline_xds_proto::envoy::config::route::v3 as proto;
use trunkline_xds_proto::envoy::config::route::v3::route::Action;

use super::action::Decoded;
use super::context::Validation;
use super::shared::fraction;
use super::{action, filters, matchers};
use crate::core::resources::call_match::{HeaderMatcher, PathMatcher};
use crate::core::resources::fault::Place;
use crate::core::resources::fraction::Fraction;
use crate::core::resources::route::{Route, RouteAction, SkippedRoute};

/// The result of decoding a route.
pub(super) enum DecodedRoute {
    Route(Box<Route>),
    Skipped(SkippedRoute),
    /// There are faults.
    Faulty,
}

/// Decodes the route at `index` of a virtual host. `retry` is that of the virtual host.
pub(super) fn decode(
    message: proto::Route,
    index: usize,
    retry: Option<&RetryPolicy>,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> DecodedRoute {
    let match_place = place.field("match");
    let Some(conditions) = message.r#match else {
        validation.add(&match_place, "is required");
        return DecodedRoute::Faulty;
    };
    let skip = |reason| DecodedRoute::Skipped(SkippedRoute { index, reason });
    if !conditions.query_parameters.is_empty() {
        return skip("it has a condition on query parameters".to_owned());
    }
    let conditions = decode_match(conditions, &match_place, validation);
    let filter_overrides = filters::overrides(
        message.typed_per_filter_config,
        &place.field("typed_per_filter_config"),
        validation,
    );
    let action = match message.action {
        Some(Action::Route(action)) => {
            match action::decode(action, retry, &place.field("route"), validation) {
                Decoded::Forward(forward) => RouteAction::Forward(forward),
                Decoded::Skip(reason) => return skip(reason),
                Decoded::Faulty => return DecodedRoute::Faulty,
            }
        }
        Some(
            Action::Redirect(_)
            | Action::DirectResponse(_)
            | Action::FilterAction(_)
            | Action::NonForwardingAction(_),
        )
        | None => RouteAction::NotForClients,
    };
    let Some((path, headers, fraction)) = conditions else {
        return DecodedRoute::Faulty;
    };
    DecodedRoute::Route(Box::new(Route {
        index,
        name: message.name.into(),
        path,
        headers,
        fraction,
        action,
        filter_overrides,
    }))
}

/// The conditions on path and headers, and the share of the calls.
type Conditions = (PathMatcher, Vec<HeaderMatcher>, Option<Fraction>);

fn decode_match(
    mut message: proto::RouteMatch,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<Conditions> {
    let (faults, patterns) = (&mut validation.faults, &mut validation.patterns);
    let path = matchers::path(&mut message, place, faults, patterns);
    let headers_place = place.field("headers");
    let headers = message.headers.into_iter().enumerate();
    let headers = headers
        .filter_map(|(at, header)| {
            matchers::header(header, &headers_place.item(at), faults, patterns)
        })
        .collect();
    let place = place.field("runtime_fraction");
    let fraction = message.runtime_fraction.map(|share| {
        let value = share.default_value.unwrap_or_default();
        validation.check(&place.field("default_value"), fraction(value))
    });
    match (path, fraction) {
        (Some(path), None) => Some((path, headers, None)),
        (Some(path), Some(Some(fraction))) => Some((path, headers, Some(fraction))),
        (None, _) | (_, Some(None)) => None,
    }
}
