//! Reading of a single reply, for callers that have it from elsewhere.

use super::query::QueryMessage;
use super::records::Found;
use super::response::{FinalReply, ReplyMeaning, read};
use crate::{Name, RecordType, ServerOutcome, Transport};

/// What a message means for a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The message does not answer the question: ignore it.
    Foreign,
    /// The end of the message is missing: ask over TCP.
    Truncated,
    /// The server does not support EDNS: ask again without it.
    NoEdns,
    /// The server failed.
    Failed(ServerOutcome),
    /// The name has records of the type.
    Found(Found),
    /// The name has no records of the type; for how many seconds that may be kept, where the server
    /// gives a time.
    NoData(Option<u32>),
    /// The name does not exist (NXDOMAIN); for how many seconds that may be kept, where the server
    /// gives a time.
    NotFound(Option<u32>),
}

/// Reads a message as the reply to the question for `name` (taken as absolute) with this id, sent
/// with EDNS over `transport`.
///
/// # Examples
///
/// ```
/// use trunkline_dns::wire::{Reply, read_reply};
/// use trunkline_dns::{Name, RecordType, Transport};
///
/// let name = Name::parse("a.test.")?;
/// let reply = read_reply(b"garbage", 7, &name, RecordType::A, Transport::Udp);
/// assert_eq!(reply, Reply::Foreign);
/// # Ok::<(), trunkline_dns::NameError>(())
/// ```
#[must_use]
pub fn read_reply(
    message: &[u8],
    id: u16,
    name: &Name,
    record_type: RecordType,
    transport: Transport,
) -> Reply {
    let query = QueryMessage {
        id,
        name,
        record_type,
        edns: true,
        cookie: None,
    };
    match read(message, query, false, transport, false).0 {
        ReplyMeaning::Foreign
        | ReplyMeaning::OtherLetters
        | ReplyMeaning::NoCookie
        | ReplyMeaning::BadCookie
        | ReplyMeaning::BadOption => Reply::Foreign,
        ReplyMeaning::Truncated => Reply::Truncated,
        ReplyMeaning::NoEdns => Reply::NoEdns,
        ReplyMeaning::Failure(outcome) => Reply::Failed(outcome),
        ReplyMeaning::Final(FinalReply::Found(found)) => Reply::Found(found),
        ReplyMeaning::Final(FinalReply::NoData { ttl, .. }) => Reply::NoData(ttl),
        ReplyMeaning::Final(FinalReply::NotFound { ttl, .. }) => Reply::NotFound(ttl),
    }
}
