//! The clients that are compared.

use std::sync::Arc;

use trunkline::{AsyncStd, Runtime, Smol, Tokio};

/// A client: a channel, and the runtime that it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    /// tonic's own channel.
    Tonic,
    Tokio,
    AsyncStd,
    Smol,
}

/// All clients; tonic is first.
pub(crate) const ALL: [Contestant; 4] = [
    Contestant::Tonic,
    Contestant::Tokio,
    Contestant::AsyncStd,
    Contestant::Smol,
];

/// The clients with a Trunkline channel.
pub(crate) const TRUNKLINE: [Contestant; 3] =
    [Contestant::Tokio, Contestant::AsyncStd, Contestant::Smol];

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tonic => "tonic",
            Self::Tokio => "tokio",
            Self::AsyncStd => "async-std",
            Self::Smol => "smol",
        }
    }

    /// Returns the client with this name.
    pub(crate) fn named(name: &str) -> Self {
        let found = ALL.into_iter().find(|contestant| contestant.name() == name);
        found.unwrap_or_else(|| panic!("no client {name:?}"))
    }

    /// Returns the runtime of the client. Call it inside of tokio's.
    pub(crate) fn runtime(self) -> Arc<dyn Runtime> {
        match self {
            Self::Tonic | Self::Tokio => Arc::new(Tokio::new()),
            Self::AsyncStd => Arc::new(AsyncStd::new()),
            Self::Smol => Arc::new(Smol::new()),
        }
    }
}
