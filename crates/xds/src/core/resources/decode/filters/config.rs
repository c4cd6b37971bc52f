//! The configuration of one filter.

use prost::Message;
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::extensions::filters::http::fault::v3::HttpFault;
use trunkline_xds_proto::envoy::extensions::filters::http::router::v3::Router;
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::{udpa, xds};

use super::fault;
use super::problem::Problem;
use crate::core::resources::fault::cut;
use crate::core::resources::http_filter::FilterConfig;

/// Decodes the configuration of a filter in a listener.
pub(super) fn decode(any: &Any) -> Result<FilterConfig, Problem> {
    match &*any.type_url {
        Router::TYPE_URL => Router::decode(any.value.clone())
            .map(|Router {}| FilterConfig::Router)
            .map_err(|error| Problem::malformed(&error)),
        HttpFault::TYPE_URL => {
            let message =
                HttpFault::decode(any.value.clone()).map_err(|error| Problem::malformed(&error))?;
            fault::decode(message).map(FilterConfig::Fault)
        }
        xds::r#type::v3::TypedStruct::TYPE_URL => {
            let typed = xds::r#type::v3::TypedStruct::decode(any.value.clone());
            let typed = typed.map_err(|error| Problem::malformed(&error))?;
            Err(in_struct(&typed.type_url))
        }
        udpa::r#type::v1::TypedStruct::TYPE_URL => {
            let typed = udpa::r#type::v1::TypedStruct::decode(any.value.clone());
            let typed = typed.map_err(|error| Problem::malformed(&error))?;
            Err(in_struct(&typed.type_url))
        }
        other => Err(unsupported(other)),
    }
}

/// Decodes the configuration of a filter in an override.
pub(super) fn decode_override(any: &Any) -> Result<FilterConfig, Problem> {
    match decode(any)? {
        FilterConfig::Router => Err(Problem::bad("", "the router has no overrides")),
        config @ FilterConfig::Fault(_) => Ok(config),
    }
}

/// Returns the problem of a configuration in a `TypedStruct`, which counts as its inner type. The known
/// filters have messages of their own.
fn in_struct(type_url: &str) -> Problem {
    if [Router::TYPE_URL, HttpFault::TYPE_URL].contains(&type_url) {
        Problem::bad("", format!("{type_url:?} must not be in a TypedStruct"))
    } else {
        unsupported(type_url)
    }
}

fn unsupported(type_url: &str) -> Problem {
    Problem::unsupported(format!("unsupported type {:?}", cut(type_url)))
}
