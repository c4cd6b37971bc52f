//! The runtime that is used where the user names none.

use std::sync::Arc;

use crate::Runtime;

/// Returns the runtime to use where the user names none: async-std if its feature is on, else smol,
/// else tokio. Returns `None` if no such feature is on: then the user must name a runtime.
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
