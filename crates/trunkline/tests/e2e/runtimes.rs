//! Runs a test on each runtime.

use std::future::Future;
use std::sync::Arc;

use trunkline::{AsyncStd, Runtime, Smol, Tokio};

/// Turns each `async fn name(runtime: Arc<dyn Runtime>)` into four tests: one on each runtime,
/// and one in the `block_on` of Trunkline.
macro_rules! on_each_runtime {
    ($($(#[$attribute:meta])* async fn $name:ident($runtime:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn test($runtime: std::sync::Arc<dyn trunkline::Runtime>) $body

            #[test]
            fn on_async_std() {
                $crate::runtimes::on_async_std(test);
            }

            #[test]
            fn in_block_on() {
                $crate::runtimes::in_block_on(test);
            }

            #[test]
            fn on_smol() {
                $crate::runtimes::on_smol(test);
            }

            #[test]
            fn on_tokio() {
                $crate::runtimes::on_tokio(test);
            }
        }
    )*};
}

pub(crate) fn on_async_std<F: Future<Output = ()>>(test: fn(Arc<dyn Runtime>) -> F) {
    async_std::task::block_on(test(Arc::new(AsyncStd::new())));
}

pub(crate) fn in_block_on<F: Future<Output = ()>>(test: fn(Arc<dyn Runtime>) -> F) {
    trunkline::block_on(test(Arc::new(AsyncStd::new())));
}

pub(crate) fn on_smol<F: Future<Output = ()>>(test: fn(Arc<dyn Runtime>) -> F) {
    smol::block_on(test(Arc::new(Smol::new())));
}

pub(crate) fn on_tokio<F: Future<Output = ()>>(test: fn(Arc<dyn Runtime>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    // The channel takes tokio's handle at its first call.
    runtime.block_on(test(Arc::new(Tokio::new())));
}
