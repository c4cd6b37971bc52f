#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::use_self,
    reason = "generated"
)]
mod generated {
    include!("generated/tree.rs");
}
pub mod type_url;

pub mod method;

pub use generated::{envoy, google, udpa, xds};
pub use type_url::TypeUrl;
