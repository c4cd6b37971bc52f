//! Every runtime passes the same checks on loopback.

#![cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use trunkline_runtime::Runtime;

/// Makes a test of each check with each runtime.
macro_rules! shells {
    ($($check:ident)*) => {
        #[cfg(feature = "async-std")]
        mod async_std_runtime {
            $(#[test]
            fn $check() {
                let runtime = std::sync::Arc::new(trunkline_runtime::AsyncStd::new());
                async_std::task::block_on(crate::bounded(runtime, super::$check));
            })*
        }

        #[cfg(feature = "async-std")]
        mod own_block_on {
            $(#[test]
            fn $check() {
                let runtime = std::sync::Arc::new(trunkline_runtime::AsyncStd::new());
                trunkline_runtime::block_on(crate::bounded(runtime, super::$check));
            })*
        }

        #[cfg(feature = "smol")]
        mod smol_runtime {
            $(#[test]
            fn $check() {
                let runtime = std::sync::Arc::new(trunkline_runtime::Smol::new());
                smol::block_on(crate::bounded(runtime, super::$check));
            })*
        }

        #[cfg(feature = "tokio")]
        mod tokio_runtime {
            $(#[test]
            fn $check() {
                let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = std::sync::Arc::new(trunkline_runtime::Tokio::new());
                tokio.unwrap().block_on(crate::bounded(runtime, super::$check));
            })*
        }
    };
}

mod system;
mod tcp;
mod time;
#[cfg(feature = "tokio")]
mod tokio_handle;
mod udp;
#[cfg(unix)]
mod unix;

/// The time limit of each test.
const BOUND: Duration = Duration::from_secs(20);

/// Runs `check` on an attached runtime, and fails when it takes longer than `BOUND`.
async fn bounded<F: Future<Output = ()>>(
    runtime: Arc<dyn Runtime>,
    check: impl FnOnce(Arc<dyn Runtime>) -> F,
) {
    runtime.attach().unwrap();
    let limit = runtime.sleep_until(runtime.now() + BOUND);
    match select(pin!(check(runtime)), limit).await {
        Either::Left(((), _)) => {}
        Either::Right(((), _)) => panic!("not done within {BOUND:?}"),
    }
}
