//! Runs a future on the runtime that `--runtime` names.

use std::future::Future;
use std::sync::Arc;

use trunkline::Runtime;

use crate::args::RuntimeName;
use crate::failure::Failure;

/// Runs `main` to completion on the runtime `name`.
pub(crate) fn block_on<F>(
    name: RuntimeName,
    main: impl FnOnce(Arc<dyn Runtime>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    match name {
        #[cfg(feature = "async-std")]
        RuntimeName::AsyncStd => {
            async_std::task::block_on(main(Arc::new(trunkline::AsyncStd::new())))
        }
        #[cfg(feature = "smol")]
        RuntimeName::Smol => smol::block_on(main(Arc::new(trunkline::Smol::new()))),
        #[cfg(feature = "tokio")]
        RuntimeName::Tokio => match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(tokio) => tokio.block_on(main(Arc::new(trunkline::Tokio::new()))),
            Err(error) => {
                let text = format!("tokio's runtime cannot be started: {error}");
                Err(Failure::operation("runtime", text))
            }
        },
    }
}
