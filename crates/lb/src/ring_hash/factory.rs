//! The factory of `ring_hash`.

use std::sync::Arc;

use http::HeaderName;
use serde_json::Value;
use trunkline_service_config::json::{expected, object, optional, string};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};

use super::config::{LARGEST_RING, RingHashConfig};
use super::policy::RingHash;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`RingHash`] policies: `ring_hash_experimental` in a service config.
///
/// The fields, all optional:
///
/// - `minRingSize` (1024) and `maxRingSize` (4096): up to 8,388,608; a minimum above the maximum is
///   an error. 0 means the default.
/// - `requestHashHeader`: the name of a header that is not binary; an empty one means none.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingHashFactory;

impl PolicyFactory for RingHashFactory {
    fn name(&self) -> &str {
        "ring_hash_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let mut parsed = RingHashConfig::default();
        if config.is_null() {
            return Ok(Arc::new(parsed));
        }
        let fields = object(config)?;
        if let Some(size) = optional(fields, "minRingSize", ring_size)?.flatten() {
            parsed.min_ring_size = size;
        }
        if let Some(size) = optional(fields, "maxRingSize", ring_size)?.flatten() {
            parsed.max_ring_size = size;
        }
        let (min, max) = (parsed.min_ring_size, parsed.max_ring_size);
        if min > max {
            let text = format!("{min} is above `maxRingSize`, which is {max}");
            return Err(ConfigError::new(text).within("minRingSize"));
        }
        parsed.request_hash_header = optional(fields, "requestHashHeader", header_name)?.flatten();
        Ok(Arc::new(parsed))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(RingHash::new(options))
    }
}

/// Reads the size of a ring; `None` for 0, which is the absent value of a protobuf field. The JSON of
/// a protobuf `uint64` is a string, and a number is accepted too.
fn ring_size(value: &Value) -> Result<Option<u32>, ConfigError> {
    let number = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|digits| digits.parse().ok()));
    match number.and_then(|number| u32::try_from(number).ok()) {
        Some(0) => Ok(None),
        Some(size) if size <= LARGEST_RING => Ok(Some(size)),
        _ => Err(expected("an integer from 0 to 8388608", value)),
    }
}

/// Reads the name of a header that a call can have; `None` if it is empty.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests),
/// "Header-Name".
fn header_name(value: &Value) -> Result<Option<HeaderName>, ConfigError> {
    let name = string(value)?.to_ascii_lowercase();
    if name.is_empty() {
        return Ok(None);
    }
    let is_allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-' | b'.');
    if name.ends_with("-bin") {
        return Err(expected("a header that is not binary (`-bin`)", value));
    }
    match HeaderName::try_from(&name) {
        Ok(header) if name.bytes().all(is_allowed) => Ok(Some(header)),
        _ => Err(expected("the name of a header", value)),
    }
}
