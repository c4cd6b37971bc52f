//! The hash of a call.

use std::hash::Hasher;

use http::HeaderMap;
use twox_hash::XxHash64;

use crate::core::resources::{HashPolicy, HashSource, header_text};

/// Returns the hash of a call; `None` if no policy yields one.
///
/// `channel` is the hash that all calls of a channel have in common.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
pub(super) fn hash(policies: &[HashPolicy], metadata: &HeaderMap, channel: u64) -> Option<u64> {
    let mut hash: Option<u64> = None;
    for policy in policies {
        let of_policy = match &policy.source {
            HashSource::Header { name, rewrite } => {
                header_text(name.as_str(), metadata).map(|value| {
                    let mut hasher = XxHash64::with_seed(0);
                    match rewrite {
                        Some(rewrite) => rewrite.hash(&value, &mut hasher),
                        None => hasher.write(value.as_bytes()),
                    }
                    hasher.finish()
                })
            }
            HashSource::ChannelId => Some(channel),
            HashSource::Unsupported => None,
        };
        hash = match (hash, of_policy) {
            (Some(hash), Some(of_policy)) => Some(hash.rotate_left(1) ^ of_policy),
            (hash, of_policy) => of_policy.or(hash),
        };
        if policy.is_terminal && hash.is_some() {
            break;
        }
    }
    hash
}
