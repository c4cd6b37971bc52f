//! Route configurations and their virtual hosts.

use std::sync::Arc;

use trunkline_xds_proto::envoy::config::route::v3 as proto;

use super::context::Validation;
use super::route::DecodedRoute;
use super::{filters, retry, route};
use crate::core::resources::domain::Domain;
use crate::core::resources::fault::{Place, cut};
use crate::core::resources::route::{RouteConfiguration, VirtualHost};

/// Decodes a route configuration.
pub(super) fn decode(
    message: proto::RouteConfiguration,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> RouteConfiguration {
    let hosts = place.field("virtual_hosts");
    let virtual_hosts = message.virtual_hosts.into_iter().enumerate();
    RouteConfiguration {
        name: message.name.into(),
        virtual_hosts: virtual_hosts
            .map(|(at, host)| Arc::new(virtual_host(host, &hosts.item(at), validation)))
            .collect(),
    }
}

fn virtual_host(
    message: proto::VirtualHost,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> VirtualHost {
    let domains = domains(&message.domains, &place.field("domains"), validation);
    let retry = message
        .retry_policy
        .and_then(|retry| retry::decode(&retry, &place.field("retry_policy"), validation));
    let filter_overrides = filters::overrides(
        message.typed_per_filter_config,
        &place.field("typed_per_filter_config"),
        validation,
    );
    let mut routes = Vec::with_capacity(message.routes.len());
    let mut skipped_routes = Vec::new();
    let place = place.field("routes");
    for (at, message) in message.routes.into_iter().enumerate() {
        match route::decode(message, at, retry.as_ref(), &place.item(at), validation) {
            DecodedRoute::Route(route) => routes.push(*route),
            DecodedRoute::Skipped(skipped) => skipped_routes.push(skipped),
            DecodedRoute::Faulty => {}
        }
    }
    VirtualHost {
        name: message.name.into(),
        domains,
        routes,
        skipped_routes,
        filter_overrides,
    }
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
