//! Attributes of calls, beside their cluster.

use trunkline_endpoint::AttributeKey;

/// The attribute key of calls whose authority becomes the host name of their endpoint, unless the
/// application set an authority.
///
/// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
#[derive(Debug)]
pub enum AutoHostRewrite {}

impl AttributeKey for AutoHostRewrite {
    type Value = ();
    const NAME: &'static str = "auto host rewrite";
    const IDENTIFIES_CONNECTION: bool = false;
}
