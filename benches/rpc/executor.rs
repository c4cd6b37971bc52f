//! Runs the callers on the runtime of their variant.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::variant::{Shape, Variant};

/// Runs callers on the runtime, and in the shape, of a variant.
pub(crate) struct Executor {
    shape: Shape,
    tokio: Option<tokio::runtime::Runtime>,
}

impl Executor {
    pub(crate) fn new(variant: &Variant, threads: usize) -> Self {
        let tokio = matches!(variant.shape, Shape::Tokio).then(|| tokio_runtime(threads));
        Self {
            shape: variant.shape,
            tokio,
        }
    }

    /// Runs one future to completion.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match (&self.tokio, self.shape) {
            (Some(tokio), _) => tokio.block_on(future),
            (None, Shape::SmolBlockOn) => smol::block_on(future),
            (None, Shape::OwnBlockOn | Shape::OwnEachCall) => trunkline::block_on(future),
            (None, _) => async_std::task::block_on(future),
        }
    }

    /// Lets the runtime go on for some time.
    pub(crate) fn wait(&self, time: Duration) {
        match self.shape {
            Shape::Tokio => self.block_on(async { tokio::time::sleep(time).await }),
            _ => self.block_on(async {
                async_io::Timer::after(time).await;
            }),
        }
    }

    /// Runs all callers until the last one is done, and returns their results.
    pub(crate) fn run<F>(&self, callers: Vec<F>) -> Vec<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match self.shape {
            Shape::Tokio => self.block_on(async {
                let tasks: Vec<_> = callers.into_iter().map(tokio::spawn).collect();
                let mut results = Vec::with_capacity(tasks.len());
                for task in tasks {
                    results.push(task.await.expect("a caller that ends"));
                }
                results
            }),
            Shape::AsyncStdPool => self.block_on(async {
                let tasks: Vec<_> = callers.into_iter().map(async_std::task::spawn).collect();
                let mut results = Vec::with_capacity(tasks.len());
                for task in tasks {
                    results.push(task.await);
                }
                results
            }),
            // A lone caller is not wrapped in anything.
            _ if callers.len() == 1 => {
                let results = callers.into_iter().map(|caller| self.block_on(caller));
                results.collect()
            }
            Shape::AsyncStdBlockOn
            | Shape::AsyncStdEachCall
            | Shape::OwnBlockOn
            | Shape::OwnEachCall
            | Shape::SmolBlockOn => self.block_on(FuturesUnordered::from_iter(callers).collect()),
        }
    }
}

fn tokio_runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a tokio runtime")
}
