//! Values that name a runtime.

use std::sync::Arc;

use crate::Runtime;

/// A value that names a runtime: a [`Runtime`], or an `Arc` of one.
pub trait IntoRuntime {
    /// Returns the runtime.
    fn into_runtime(self) -> Arc<dyn Runtime>;
}

impl<R: Runtime> IntoRuntime for R {
    fn into_runtime(self) -> Arc<dyn Runtime> {
        Arc::new(self)
    }
}

impl<R: Runtime> IntoRuntime for Arc<R> {
    fn into_runtime(self) -> Arc<dyn Runtime> {
        self
    }
}

impl IntoRuntime for Arc<dyn Runtime> {
    fn into_runtime(self) -> Arc<dyn Runtime> {
        self
    }
}
