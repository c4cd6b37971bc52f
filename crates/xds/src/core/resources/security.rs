//! The transport security of clusters.

mod values;

pub use self::values::UpstreamTls;
