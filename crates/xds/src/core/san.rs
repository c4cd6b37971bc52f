//! The names of a server's certificate, and whether they are those that a cluster asks for.

// From the ground up: a module uses only those above it.

mod der;
mod name;

mod certificate;
mod check;

pub use self::check::{NameMismatch, sent_server_name, verify_names};
pub use self::name::SubjectAltName;
