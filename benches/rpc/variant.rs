//! The variants that are compared.

use std::env;
use std::path::{Path, PathBuf};

use crate::case::{CASES, Case};

/// One kind of client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) stack: Stack,
    pub(crate) shape: Shape,
    /// Number of threads in the runtime's pool.
    pub(crate) threads: usize,
    /// What observes the calls.
    pub(crate) watcher: Watcher,
}

/// What observes the calls of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watcher {
    /// No observer.
    Nobody,
    /// An observer that counts the ends of attempts and of calls.
    Observer,
    /// Metrics with the default instruments, in a sink of atomics.
    Metrics,
    /// The same in the SDK of OpenTelemetry.
    OpenTelemetry,
    /// A subscriber of `tracing` that writes up to INFO: no spans of calls, which are DEBUG.
    Lines,
    /// A subscriber of `tracing` that writes spans of calls and what happens in them.
    Spans,
}

/// The channel under the stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Tonic,
    Trunkline,
}

/// How the callers run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// As tasks of tokio.
    Tokio,
    /// All inside one `async_std::task::block_on`.
    AsyncStdBlockOn,
    /// As tasks of async-std.
    AsyncStdPool,
    /// All inside one `smol::block_on`.
    SmolBlockOn,
}

const fn variant(name: &'static str, stack: Stack, shape: Shape, threads: usize) -> Variant {
    Variant {
        name,
        stack,
        shape,
        threads,
        watcher: Watcher::Nobody,
    }
}

const fn watched(name: &'static str, watcher: Watcher) -> Variant {
    Variant {
        watcher,
        ..variant(name, Stack::Trunkline, Shape::Tokio, 1)
    }
}

/// Variants with one thread. The others are compared with the first.
pub(crate) const ONE_THREAD: [Variant; 5] = [
    variant("tonic", Stack::Tonic, Shape::Tokio, 1),
    variant("tokio", Stack::Trunkline, Shape::Tokio, 1),
    variant("async-std", Stack::Trunkline, Shape::AsyncStdBlockOn, 1),
    variant("async-std pool", Stack::Trunkline, Shape::AsyncStdPool, 1),
    variant("smol", Stack::Trunkline, Shape::SmolBlockOn, 1),
];

/// The same variants with two threads, for all cores.
pub(crate) const TWO_THREADS: [Variant; 5] = [
    variant("tonic x2", Stack::Tonic, Shape::Tokio, 2),
    variant("tokio x2", Stack::Trunkline, Shape::Tokio, 2),
    variant("async-std x2", Stack::Trunkline, Shape::AsyncStdBlockOn, 2),
    variant(
        "async-std pool x2",
        Stack::Trunkline,
        Shape::AsyncStdPool,
        2,
    ),
    variant("smol x2", Stack::Trunkline, Shape::SmolBlockOn, 2),
];

/// Variants that differ only in what observes the calls. The others are compared with the first.
pub(crate) const WATCHED: [Variant; 6] = [
    watched("unwatched", Watcher::Nobody),
    watched("observer", Watcher::Observer),
    watched("metrics", Watcher::Metrics),
    watched("OpenTelemetry", Watcher::OpenTelemetry),
    watched("tracing, INFO", Watcher::Lines),
    watched("tracing, DEBUG", Watcher::Spans),
];

impl Variant {
    /// Returns the variant with this name.
    pub(crate) fn named(name: &str) -> Self {
        let mut all = ONE_THREAD.into_iter().chain(TWO_THREADS).chain(WATCHED);
        let variant = all.find(|variant| variant.name == name);
        variant.unwrap_or_else(|| panic!("no variant {name:?}"))
    }
}

/// A variant in one build of this benchmark.
pub(crate) struct Contestant {
    pub(crate) label: String,
    pub(crate) variant: Variant,
    pub(crate) program: PathBuf,
    /// The cases that this build has.
    pub(crate) cases: Vec<Case>,
}

impl Contestant {
    /// Returns a variant in this build.
    pub(crate) fn own(variant: Variant) -> Self {
        Self {
            label: variant.name.to_owned(),
            variant,
            program: own_program(),
            cases: CASES.to_vec(),
        }
    }

    /// Returns a variant in another build, which has these cases.
    pub(crate) fn other(variant: Variant, program: &Path, cases: &[Case]) -> Self {
        Self {
            label: format!("{}, other", variant.name),
            variant,
            program: program.into(),
            cases: cases.to_vec(),
        }
    }
}

/// Returns the path of this program.
pub(crate) fn own_program() -> PathBuf {
    env::current_exe().expect("the path of this program")
}
