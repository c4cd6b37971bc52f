//! Route configurations and their virtual hosts.

use std::sync::Arc;

use prost::Message;
use trunkline_xds_proto::envoy::config::route::v3 as proto;

use super::context::Validation;
use super::route::DecodedRoute;
use super::split::{Split, split};
use super::{filters, retry, route};
use crate::core::resources::domain::Domain;
use crate::core::resources::fault::{Place, cut};
use crate::core::resources::route::{RouteConfiguration, VirtualHost};

/// The number of the field `virtual_hosts` of a `RouteConfiguration`.
const VIRTUAL_HOSTS: u64 = 2;

/// The number of the field `routes` of a `VirtualHost`.
const ROUTES: u64 = 3;

/// Decodes a route configuration; `None` if the bytes are none.
pub(super) fn decode(
    bytes: &[u8],
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<RouteConfiguration> {
    let parts: Result<Split<'_, proto::RouteConfiguration>, _> = split(bytes, VIRTUAL_HOSTS);
    let Split { message, values } = validation.check(place, parts)?;
    let place = place.field("virtual_hosts");
    let mut virtual_hosts = Vec::new();
    for (at, bytes) in values.into_iter().enumerate() {
        let place = place.item(at);
        if !validation.count_route(&place) {
            return None;
        }
        virtual_hosts.extend(virtual_host(bytes, &place, validation).map(Arc::new));
    }
    Some(RouteConfiguration {
        name: message.name.into(),
        virtual_hosts,
    })
}

fn virtual_host(
    bytes: &[u8],
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<VirtualHost> {
    let parts: Result<Split<'_, proto::VirtualHost>, _> = split(bytes, ROUTES);
    let Split { message, values } = validation.check(place, parts)?;
    let domains = domains(&message.domains, &place.field("domains"), validation);
    let retry = message
        .retry_policy
        .and_then(|retry| retry::decode(&retry, &place.field("retry_policy"), validation));
    let filter_overrides = filters::overrides(
        message.typed_per_filter_config,
        &place.field("typed_per_filter_config"),
        validation,
    );
    let mut routes = Vec::new();
    let mut skipped_routes = Vec::new();
    let place = place.field("routes");
    for (at, bytes) in values.into_iter().enumerate() {
        let place = place.item(at);
        if !validation.count_route(&place) {
            return None;
        }
        let message = proto::Route::decode(bytes).map_err(|error| error.to_string());
        let Some(message) = validation.check(&place, message) else {
            continue;
        };
        match route::decode(message, at, retry.as_ref(), &place, validation) {
            DecodedRoute::Route(route) => routes.push(*route),
            DecodedRoute::Skipped(skipped) => skipped_routes.push(skipped),
            DecodedRoute::Faulty => {}
        }
    }
    Some(VirtualHost {
        name: message.name.into(),
        domains,
        routes,
        skipped_routes,
        filter_overrides,
    })
}

fn domains(patterns: &[String], place: &Place<'_>, validation: &mut Validation<'_>) -> Vec<Domain> {
    if patterns.is_empty() {
        validation.add(place, "is empty");
    }
    let mut domains = Vec::with_capacity(patterns.len());
    for (at, pattern) in patterns.iter().enumerate() {
        match Domain::parse(pattern) {
            Some(domain) => domains.push(domain),
            None => validation.add(&place.item(at), format!("bad pattern {:?}", cut(pattern))),
        }
    }
    domains
}
