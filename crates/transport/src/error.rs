//! The failures of a handshake, of a connection and of a call.

mod call;
mod handshake;
mod lost;
mod source;

pub(crate) use self::call::ResponsePart;
pub use self::call::{CallError, Fate};
pub use self::handshake::{HandshakeError, HandshakeErrorKind};
pub use self::lost::{Lost, LostReason};
