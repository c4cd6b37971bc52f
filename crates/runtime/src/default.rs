//! Which runtime is used when nobody names one.

use std::sync::Arc;

use crate::Runtime;

/// The runtime to use where none was named: async-std if its feature is on, else smol, else
/// tokio. `None` if no feature is on: then the caller must be given one.
#[allow(
    unreachable_code,
    reason = "with several features on, the first one wins"
)]
pub fn default_runtime() -> Option<Arc<dyn Runtime>> {
    #[cfg(feature = "async-std")]
    return Some(Arc::new(crate::AsyncStd::new()));
    #[cfg(feature = "smol")]
    return Some(Arc::new(crate::Smol::new()));
    #[cfg(feature = "tokio")]
    return Some(Arc::new(crate::Tokio::new()));
    None
}
