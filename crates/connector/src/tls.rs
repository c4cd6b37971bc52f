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
mod provider;
mod source;

mod root_certificates;

mod roots;

mod identity;

// Which servers are the right ones, in place of the host name, and which roots they lead to.
mod name_check;
mod root_choice;

// Where both come from while a program runs.
mod certificate_source;

// What a user sets up.
mod options;

// What rustls asks, and the texts that are made from it.
mod observed;

mod explain;
mod verifier;

// The certificates in use, sessions, handshakes.
mod material;
mod sourced;

mod stream;

mod name;

mod sessions;

mod client;
mod connector;

/// The version of rustls that the signatures here use.
pub use rustls;

pub use self::certificate::Certificate;
pub use self::certificate_source::{CertificateSource, CurrentCertificates};
pub use self::client::TlsClient;
pub use self::connector::TlsConnector;
pub use self::error::{TlsError, TlsErrorKind};
pub use self::identity::ClientIdentity;
pub use self::name_check::NameCheck;
pub use self::options::{Tls, TlsVersion};
pub use self::root_certificates::RootCertificates;
pub use self::root_choice::RootChoice;
pub use self::source::read_file;
pub use self::time::CertificateTime;
