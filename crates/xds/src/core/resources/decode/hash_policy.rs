//! What the hash of a call is made of.

use http::HeaderName;
use trunkline_xds_proto::envoy::config::route::v3::route_action as proto;
use trunkline_xds_proto::envoy::config::route::v3::route_action::hash_policy::{
    Header, PolicySpecifier,
};

use super::context::Validation;
use crate::core::resources::fault::Place;
use crate::core::resources::route::{HashPolicy, HashSource};

/// The key of the filter state that is the channel.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
const CHANNEL_ID: &str = "io.grpc.channel_id";

/// Decodes a hash policy.
pub(super) fn decode(
    message: proto::HashPolicy,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<HashPolicy> {
    let source = match message.policy_specifier {
        Some(PolicySpecifier::Header(header)) => {
            of_header(header, &place.field("header"), validation)?
        }
        Some(PolicySpecifier::FilterState(state)) if state.key == CHANNEL_ID => {
            HashSource::ChannelId
        }
        Some(PolicySpecifier::FilterState(_)) | None => HashSource::Unsupported,
    };
    Some(HashPolicy {
        source,
        is_terminal: message.terminal,
    })
}

fn of_header(
    message: Header,
    place: &Place<'_>,
    validation: &mut Validation<'_>,
) -> Option<HashSource> {
    let rewrite = match message.regex_rewrite {
        Some(rewrite) => {
            let place = place.field("regex_rewrite");
            let Some(pattern) = rewrite.pattern else {
                validation.add(&place.field("pattern"), "is required");
                return None;
            };
            let compiled = validation
                .patterns
                .rewrite(&pattern.regex, &rewrite.substitution);
            Some(validation.check(&place, compiled)?)
        }
        None => None,
    };
    // A call cannot have a header with another name, such as a pseudo-header.
    let name = HeaderName::from_bytes(message.header_name.as_bytes());
    Some(
        name.map_or(HashSource::Unsupported, |name| HashSource::Header {
            name,
            rewrite,
        }),
    )
}
