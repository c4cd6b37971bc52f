//! Values that name a runtime.

use std::sync::Arc;

use crate::Runtime;

/// A value that names a runtime: a [`Runtime`], or an `Arc` of one.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use trunkline_runtime::{IntoRuntime, Runtime};
///
/// /// A program's own state, which has the runtime too.
/// struct App {
///     runtime: Arc<dyn Runtime>,
/// }
///
/// impl IntoRuntime for &App {
///     fn into_runtime(self) -> Arc<dyn Runtime> {
///         Arc::clone(&self.runtime)
///     }
/// }
/// ```
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
