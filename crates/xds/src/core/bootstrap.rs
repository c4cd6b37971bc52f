//! The bootstrap: which servers a client asks, and how it describes itself.

// From the ground up: a module uses only those above it.
mod error;
mod node;

mod json;
mod servers;

mod certificate_provider;
mod value;

mod check;
mod parse;

mod environment;
mod target;

pub use self::certificate_provider::{CertificateProvider, WatchedFiles};
pub use self::error::{
    BootstrapError, BootstrapErrorKind, BootstrapSource, CONFIG_VARIABLE, FILE_VARIABLE,
};
pub use self::node::{Node, NodeLocality};
pub use self::target::{TargetError, TargetErrorKind, data_plane_authority};
pub use self::value::{Authority, Bootstrap};
