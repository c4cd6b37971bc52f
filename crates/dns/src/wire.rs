//! Messages on the wire: the queries that are sent, and the parts of a reply that are used.
//!
//! Nothing from the network is decoded before its outline fits ([`Skeleton::walk`]). Then only the
//! wanted records are decoded, along the CNAME chain of the question ([`read_reply`]). The cost of
//! a message is bounded by its length.

// From the ground up: a module uses only those above it.

// Numbers of the format and defects of messages; names, which may be compressed.
mod codes;
mod compressed;
mod malformed;

// The outline of a message; queries.
mod query;
mod skeleton;

// The records of an answer.
mod records;

// What a reply means for its query.
mod response;

// What a message means as the reply to a question, for callers that have it from elsewhere.
mod reply;

pub use self::malformed::Malformed;
pub(crate) use self::query::{QueryMessage, encode};
pub use self::records::{Found, Records};
pub use self::reply::{Reply, read_reply};
pub(crate) use self::response::{CLIENT_COOKIE, Cookie, FinalReply, ReplyMeaning, read};
pub use self::skeleton::Skeleton;
