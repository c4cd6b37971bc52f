//! The clients of this workspace that are compared.

use trunkline_benches::protocol::{Ability, Case, Kind};

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
    /// h2 alone: the floor.
    Bare,
    /// The same, and each call has the header `user-agent`, which every client of an application sends.
    BareWithUserAgent,
    /// tonic's `Channel`, or `Channel::balance_list`.
    Tonic,
    /// Ours.
    Trunkline,
}

/// How the callers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As tasks of tokio.
    Tokio,
    /// All inside one `async_std::task::block_on`.
    AsyncStdBlockOn,
    /// Each call inside a `block_on` of its own, as in a synchronous program.
    AsyncStdEachCall,
    /// As tasks of async-std.
    AsyncStdPool,
    /// All inside one `trunkline::block_on`.
    OwnBlockOn,
    /// Each call inside a `trunkline::block_on` of its own.
    OwnEachCall,
    /// All inside one `smol::block_on`.
    SmolBlockOn,
}

impl Shape {
    /// Returns whether each call has a `block_on` of its own.
    pub(crate) fn is_each_call(self) -> bool {
        matches!(self, Self::AsyncStdEachCall | Self::OwnEachCall)
    }
}

const fn variant(name: &'static str, stack: Stack, shape: Shape) -> Variant {
    Variant {
        name,
        stack,
        shape,
        threads: 1,
        watcher: Watcher::Nobody,
    }
}

const fn with_two_threads(name: &'static str, stack: Stack, shape: Shape) -> Variant {
    Variant {
        threads: 2,
        ..variant(name, stack, shape)
    }
}

const fn watched(name: &'static str, watcher: Watcher) -> Variant {
    Variant {
        watcher,
        ..variant(name, Stack::Trunkline, Shape::Tokio)
    }
}

/// The floor, which all others are compared with.
pub(crate) const FLOOR: &str = "A";

/// The name of all callers inside one `trunkline::block_on`, whose threads do not depend on the cores.
const OWN: &str = "trunkline block_on";

const A: Variant = variant(FLOOR, Stack::Bare, Shape::Tokio);
const TONIC: Variant = variant("tonic", Stack::Tonic, Shape::Tokio);
const TOKIO: Variant = variant("tokio", Stack::Trunkline, Shape::Tokio);

/// Variants with one thread.
pub(crate) const ONE_THREAD: [Variant; 12] = [
    A,
    variant("A, user agent", Stack::BareWithUserAgent, Shape::Tokio),
    variant("A, async-std block_on", Stack::Bare, Shape::AsyncStdBlockOn),
    variant("A, async-std pool", Stack::Bare, Shape::AsyncStdPool),
    TONIC,
    TOKIO,
    variant(
        "async-std block_on",
        Stack::Trunkline,
        Shape::AsyncStdBlockOn,
    ),
    variant("async-std pool", Stack::Trunkline, Shape::AsyncStdPool),
    variant(
        "async-std, a block_on a call",
        Stack::Trunkline,
        Shape::AsyncStdEachCall,
    ),
    variant(OWN, Stack::Trunkline, Shape::OwnBlockOn),
    variant(
        "trunkline, a block_on a call",
        Stack::Trunkline,
        Shape::OwnEachCall,
    ),
    variant("smol block_on", Stack::Trunkline, Shape::SmolBlockOn),
];

/// Variants for all cores. Where a runtime has a pool, it has two threads.
pub(crate) const FREE: [Variant; 9] = [
    A,
    variant(OWN, Stack::Trunkline, Shape::OwnBlockOn),
    TONIC,
    with_two_threads("tonic, two workers", Stack::Tonic, Shape::Tokio),
    TOKIO,
    with_two_threads("tokio, two workers", Stack::Trunkline, Shape::Tokio),
    with_two_threads(
        "async-std block_on, two threads",
        Stack::Trunkline,
        Shape::AsyncStdBlockOn,
    ),
    with_two_threads(
        "async-std pool, two threads",
        Stack::Trunkline,
        Shape::AsyncStdPool,
    ),
    with_two_threads(
        "smol block_on, two threads",
        Stack::Trunkline,
        Shape::SmolBlockOn,
    ),
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
        let mut all = ONE_THREAD.into_iter().chain(FREE).chain(WATCHED);
        let variant = all.find(|variant| variant.name == name);
        variant.unwrap_or_else(|| panic!("no variant {name:?}"))
    }

    /// Returns what it can do.
    pub(crate) fn can(&self) -> Vec<Ability> {
        let is_each_call = self.shape.is_each_call();
        let all = Ability::ALL.into_iter();
        let of_calls = |ability: &Ability| {
            !is_each_call || !matches!(ability, Ability::Stream | Ability::Cold)
        };
        all.filter(of_calls).collect()
    }

    /// Returns whether a case makes sense for it.
    pub(crate) fn measures(&self, case: &Case) -> bool {
        // A synchronous caller has one call in flight.
        !self.shape.is_each_call() || case.kind == Kind::Unary && case.in_flight == 1
    }
}
