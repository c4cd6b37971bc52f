//! Reading one reply, for those who have it from elsewhere.

use super::{FinalReply, Found, QueryMessage, Reading, read};
use crate::{Name, RecordType, ServerOutcome, Transport};

/// What a message is to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// It does not answer the question: to be treated as if it had not come.
    Foreign,
    /// The end is missing: to be asked over TCP.
    Truncated,
    /// The server does not know EDNS: to be asked without.
    NoEdns,
    /// The server failed.
    Failed(ServerOutcome),
    /// There are records.
    Found(Found),
    /// There are none of the type; for how many seconds that holds, where the server says so.
    NoData(Option<u32>),
    /// The name does not exist (NXDOMAIN); for how many seconds that holds.
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
        Reading::Foreign
        | Reading::OtherLetters
        | Reading::NoCookie
        | Reading::BadCookie
        | Reading::BadOption => Reply::Foreign,
        Reading::Truncated => Reply::Truncated,
        Reading::NoEdns => Reply::NoEdns,
        Reading::Failure(outcome) => Reply::Failed(outcome),
        Reading::Final(FinalReply::Found(found)) => Reply::Found(found),
        Reading::Final(FinalReply::NoData { why: Some(why), .. }) => {
            Reply::Failed(ServerOutcome::Malformed(why))
        }
        Reading::Final(FinalReply::NoData { ttl, .. }) => Reply::NoData(ttl),
        Reading::Final(FinalReply::NotFound { ttl }) => Reply::NotFound(ttl),
    }
}
