//! Listeners.

use std::sync::Arc;

use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::listener::v3 as proto;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use trunkline_xds_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use trunkline_xds_proto::google::protobuf::Any;

use super::context::Validation;
use super::shared::{config_source, duration};
use super::split::{Split, split};
use super::{filters, route_configuration};
use crate::core::resources::fault::{Place, cut};
use crate::core::resources::listener::{ApiListener, Listener, RouteSource};

/// The number of the field `route_config` of an `HttpConnectionManager`.
const ROUTE_CONFIG: u64 = 4;

/// Decodes a listener.
pub(super) fn decode(
    message: proto::Listener,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Listener {
    let outer = place.field("api_listener");
    let api = message.api_listener.and_then(|api| {
        let place = outer.field("api_listener");
        let Some(any) = api.api_listener else {
            validation.add(&place, "is required");
            return None;
        };
        api_listener(&any, &place, validation)
    });
    Listener {
        name: message.name.into(),
        api,
    }
}

fn api_listener(
    any: &Any,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<ApiListener> {
    if any.type_url != HttpConnectionManager::TYPE_URL {
        validation.add(place, format!("unsupported type {:?}", cut(&any.type_url)));
        return None;
    }
    let parts: Result<Split<'_, HttpConnectionManager>, _> = split(&any.value, ROUTE_CONFIG);
    let parts = parts.map_err(|error| format!("cannot be decoded: {error}"));
    let Split {
        message: manager,
        values: inline,
    } = validation.check(place, parts)?;
    if manager.xff_num_trusted_hops != 0 {
        validation.add(&place.field("xff_num_trusted_hops"), "must be 0");
    }
    if !manager.original_ip_detection_extensions.is_empty() {
        validation.add(
            &place.field("original_ip_detection_extensions"),
            "must be empty",
        );
    }
    let options = manager.common_http_protocol_options;
    let max_stream_duration = options.and_then(|options| options.max_stream_duration);
    let max_stream_duration = max_stream_duration.and_then(|value| {
        let place = place.field("common_http_protocol_options");
        validation.check(&place.field("max_stream_duration"), duration(value))
    });
    let routes = routes(manager.route_specifier, &inline, place, validation);
    let http_filters = filters::decode(
        manager.http_filters,
        &place.field("http_filters"),
        validation,
    );
    Some(ApiListener {
        routes: routes?,
        max_stream_duration,
        http_filters,
    })
}

fn routes(
    specifier: Option<RouteSpecifier>,
    inline: &[&[u8]],
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<RouteSource> {
    // Senders write one field of a oneof. Where there are others too, those count.
    if let (None, [.., _]) = (&specifier, inline) {
        // Values of one field are merged, which is what the joined bytes are decoded to.
        let bytes = inline.concat();
        let routes = route_configuration::decode(&bytes, &place.field("route_config"), validation);
        return routes.map(|routes| RouteSource::Inline(Arc::new(routes)));
    }
    match specifier {
        Some(RouteSpecifier::Rds(rds)) => {
            let place = place.field("rds");
            let source = config_source(rds.config_source.as_ref());
            validation.check(&place.field("config_source"), source);
            if rds.route_config_name.is_empty() {
                validation.add(&place.field("route_config_name"), "is empty");
            }
            Some(RouteSource::Rds(rds.route_config_name.into()))
        }
        Some(RouteSpecifier::RouteConfig(_) | RouteSpecifier::ScopedRoutes(_)) | None => {
            validation.add(place, "needs rds or route_config");
            None
        }
    }
}
