//! How far a server is with what it was asked for.

use std::fmt;
use std::sync::Arc;

/// How far a server is with a resource that it was asked for and that it has not sent.
///
/// `Display` prints a clause for people, without the server: `which has not answered yet`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerProgress {
    /// The connection did not take a request of the current stream yet.
    NotConnected,
    /// It has a request, and has sent nothing on the current stream.
    NotAnswered,
    /// It has sent something on the current stream.
    Answering,
    /// It cannot be asked, for this reason.
    Failed(Arc<str>),
}

impl fmt::Display for ServerProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str("which is not connected yet"),
            Self::NotAnswered => f.write_str("which has not answered yet"),
            Self::Answering => f.write_str("which answers, and has not sent it"),
            Self::Failed(why) => write!(f, "which cannot be asked: {why}"),
        }
    }
}
