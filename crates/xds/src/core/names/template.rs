//! Templates of listener names.

use super::encode::encode_path;

/// The placeholder of the target's path in a template.
const PLACE: &str = "%s";

/// Returns the template with each `%s` replaced by `path`, which is percent-encoded if the template
/// is an `xdstp:` URI.
///
/// Source: [gRFC A47](https://github.com/grpc/proposal/blob/master/A47-xds-federation.md).
pub(crate) fn fill(template: &str, path: &str) -> String {
    if template.starts_with("xdstp:") {
        template.replace(PLACE, &encode_path(path))
    } else {
        template.replace(PLACE, path)
    }
}

/// Returns the name of an authority as it is written in an `xdstp:` URI.
pub(crate) fn encode_for_xdstp(authority: &str) -> String {
    encode_path(authority).replace('/', "%2F")
}
