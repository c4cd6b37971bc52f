//! HTTP filters, and what routes change about them.

mod problem;

mod fault;

mod config;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::route::v3::FilterConfig as Wrapper;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3 as proto;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use trunkline_xds_proto::google::protobuf::Any;

use self::problem::Problem;
use super::context::Validation;
use crate::core::resources::fault::Place;
use crate::core::resources::http_filter::{
    FilterConfig, FilterOverride, FilterOverrides, HttpFilter,
};

/// The fault of a list without the filter that sends calls on.
const NO_ROUTER: &str = "the last must be envoy.filters.http.router";

/// Decodes the filters of a listener.
pub(super) fn decode(
    filters: Vec<proto::HttpFilter>,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Vec<HttpFilter> {
    let faults = validation.faults.len();
    let mut names = BTreeSet::new();
    let mut decoded: Vec<HttpFilter> = Vec::with_capacity(filters.len());
    for (at, filter) in filters.into_iter().enumerate() {
        let place = place.item(at);
        // A text that names the filter, as people know it.
        let place = place.label(&filter.name);
        if filter.name.is_empty() {
            validation.add(&place.field("name"), "is empty");
        } else if !names.insert(filter.name.clone()) {
            validation.add(&place.field("name"), "is the name of an earlier filter too");
        }
        let config = match &filter.config_type {
            Some(ConfigType::TypedConfig(any)) => config::decode(any),
            Some(ConfigType::ConfigDiscovery(_)) => {
                Err(Problem::unsupported("config_discovery is unsupported"))
            }
            None => Err(Problem::unsupported("has no typed_config")),
        };
        match config {
            Ok(config) => decoded.push(HttpFilter {
                name: filter.name.into(),
                config,
                is_disabled: filter.disabled,
            }),
            Err(problem) if problem.is_unsupported && filter.is_optional => {}
            Err(problem) => problem.add(&place, validation),
        }
    }
    if validation.faults.len() == faults {
        check_order(&decoded, place, validation);
    }
    decoded
}

/// Checks that the router is the last filter, and no other one.
fn check_order(filters: &[HttpFilter], place: &Place<'_>, validation: &mut Validation<'_>) {
    let mut routers = filters
        .iter()
        .map(|filter| filter.config == FilterConfig::Router);
    let Some(last) = routers.next_back() else {
        validation.add(place, format!("is empty: {NO_ROUTER}"));
        return;
    };
    if !last {
        validation.add(place, NO_ROUTER);
    }
    if let Some(at) = routers.position(|is_router| is_router) {
        validation.add(
            &place.label(&filters[at].name),
            "envoy.filters.http.router is not the last filter",
        );
    }
}

/// Decodes what a virtual host, a route or a cluster changes about filters.
pub(super) fn overrides(
    configs: BTreeMap<String, Any>,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> FilterOverrides {
    let mut overrides = FilterOverrides::new();
    for (name, any) in configs {
        match filter_override(&any) {
            Ok(Some(decoded)) => {
                overrides.insert(name.into(), decoded);
            }
            Ok(None) => {}
            Err(problem) => problem.add(&place.key(&name), validation),
        }
    }
    overrides
}

/// Decodes an override; `None` if it is optional and unsupported.
fn filter_override(any: &Any) -> Result<Option<FilterOverride>, Problem> {
    if any.type_url != Wrapper::TYPE_URL {
        return config::decode_override(any).map(|config| {
            Some(FilterOverride {
                config: Some(config),
                is_disabled: false,
            })
        });
    }
    let wrapper = Wrapper::decode(any.value.clone()).map_err(|error| Problem::malformed(&error))?;
    let config = match wrapper.config {
        Some(any) => match config::decode_override(&any) {
            Ok(config) => Some(config),
            Err(problem) if problem.is_unsupported && wrapper.is_optional => return Ok(None),
            Err(problem) => return Err(problem.within("config")),
        },
        None if wrapper.disabled => None,
        None if wrapper.is_optional => return Ok(None),
        None => return Err(Problem::unsupported("is required").within("config")),
    };
    Ok(Some(FilterOverride {
        config,
        is_disabled: wrapper.disabled,
    }))
}
