//! TLS over the streams of any connector, by rustls.
//!
//! [`Tls`] is what a user sets up; [`TlsConnector`] puts it on another connector; [`TlsClient`] does
//! handshakes over streams that exist. A failed handshake is a [`TlsError`].

// From the ground up: certificates for people.
mod der;
mod time;

mod certificate;

mod error;

// Where certificates and keys come from.
mod source;

mod roots;

mod identity;

// Which servers are the right ones, in place of the host name.
mod name_check;

// What a user sets up.
mod options;

// What rustls asks, and the texts that are made from it.
mod observed;

mod explain;
mod verifier;

// The certificates in use, sessions, handshakes.
mod material;

mod stream;

mod name;

mod sessions;

mod client;
mod connector;

/// The version of rustls that the signatures here use.
pub use rustls;

pub use self::certificate::Certificate;
pub use self::client::TlsClient;
pub use self::connector::TlsConnector;
pub use self::error::{TlsError, TlsErrorKind};
pub use self::name_check::NameCheck;
pub use self::options::{Tls, TlsVersion};
pub use self::time::CertificateTime;
