//! What is compared.

use std::env;
use std::path::PathBuf;

/// A client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) stack: Stack,
    pub(crate) shape: Shape,
    /// Threads of the runtime's pool.
    pub(crate) threads: usize,
}

/// What is under the stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Tonic,
    Trunkline,
}

/// Where the callers run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Tasks of tokio's.
    Tokio,
    /// All inside one `async_std::task::block_on`.
    AsyncStdBlockOn,
    /// Tasks of async-std's.
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
    }
}

/// The first is what the others are compared with.
pub(crate) const ONE_THREAD: [Variant; 5] = [
    variant("tonic", Stack::Tonic, Shape::Tokio, 1),
    variant("tokio", Stack::Trunkline, Shape::Tokio, 1),
    variant("async-std", Stack::Trunkline, Shape::AsyncStdBlockOn, 1),
    variant("async-std pool", Stack::Trunkline, Shape::AsyncStdPool, 1),
    variant("smol", Stack::Trunkline, Shape::SmolBlockOn, 1),
];

/// The same with the machine's two cores to themselves.
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

impl Variant {
    /// The variant of this name.
    pub(crate) fn named(name: &str) -> Self {
        let mut all = ONE_THREAD.into_iter().chain(TWO_THREADS);
        let variant = all.find(|variant| variant.name == name);
        variant.unwrap_or_else(|| panic!("no variant {name:?}"))
    }
}

/// A variant in one build of this benchmark.
pub(crate) struct Contestant {
    pub(crate) label: String,
    pub(crate) variant: Variant,
    pub(crate) program: PathBuf,
}

impl Contestant {
    /// In this build.
    pub(crate) fn own(variant: Variant) -> Self {
        Self {
            label: variant.name.to_owned(),
            variant,
            program: own_program(),
        }
    }

    /// In another build.
    pub(crate) fn other(variant: Variant, program: &str) -> Self {
        Self {
            label: format!("{}, other", variant.name),
            variant,
            program: program.into(),
        }
    }
}

/// The path of this program.
pub(crate) fn own_program() -> PathBuf {
    env::current_exe().expect("the path of this program")
}
