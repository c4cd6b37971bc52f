//! What a reply means for its query.

use std::ops::RangeInclusive;

use super::codes::{CLASS_IN, COOKIE, HEADER, QUESTION, SOA};
use super::compressed;
use super::query::QueryMessage;
use super::records::{Chain, ChainRecords, Found, effective_ttl};
use super::skeleton::Skeleton;
use crate::edns_fallback::is_rejection;
use crate::{Absence, Name, RecordType, ServerOutcome, Transport, rcode};

/// Bytes of the client's part of a cookie (RFC 7873 section 4.1).
pub(crate) const CLIENT_COOKIE: usize = 8;
/// Bytes of the server's part of a cookie (RFC 7873 section 4.2).
const SERVER_COOKIE: RangeInclusive<usize> = 8..=32;
/// Bytes of the five numbers at the end of an SOA record (RFC 1035 section 3.3.13).
const SOA_NUMBERS: usize = 20;
/// The offset of the last of them, the minimum TTL.
const SOA_MINIMUM: usize = 16;
/// The opcode QUERY (RFC 1035 section 4.1.1).
const OPCODE_QUERY: u8 = 0;
/// The flag QR of a response, in the third byte of the header (RFC 1035 section 4.1.1).
const RESPONSE: u8 = 0x80;
/// The flag AA of an authoritative answer, in the third byte.
const AUTHORITATIVE: u8 = 0x04;
/// The flag TC of a truncated message, in the third byte.
const TRUNCATED: u8 = 0x02;
/// The flag RA of a server that offers recursion, in the fourth byte.
const RECURSION_AVAILABLE: u8 = 0x80;

/// What a message means for the query that was sent.
#[derive(Debug)]
pub(crate) enum ReplyMeaning {
    /// The message does not answer the query: it is ignored.
    Foreign,
    /// The question in the reply has another letter case than the query: the query goes over TCP.
    OtherLetters,
    /// The reply did not fit into a datagram: the query goes over TCP.
    Truncated,
    /// The server does not support EDNS: the query goes out again without it.
    NoEdns,
    /// The reply lacks the cookie that the server is known to send: the query goes over TCP.
    NoCookie,
    /// The server wants its own cookie, which the reply carries, in the query.
    BadCookie,
    /// The server supports EDNS and rejects the cookie: the query goes out again without it.
    BadOption,
    /// The server failed: the next one is asked.
    Failure(ServerOutcome),
    /// The reply ends the question.
    Final(FinalReply),
}

/// A reply that ends the question.
#[derive(Clone, Debug)]
pub(crate) enum FinalReply {
    Found(Found),
    NoData {
        /// The seconds for which that may be kept (RFC 2308), where the server gives a time.
        ttl: Option<u32>,
        absence: Absence,
    },
    NotFound {
        /// The seconds for which that may be kept (RFC 2308), where the server gives a time.
        ttl: Option<u32>,
        absence: Absence,
    },
}

/// The EDNS part of a reply.
#[derive(Debug, Default)]
struct Extension<'a> {
    present: bool,
    /// The upper eight bits of the response code, in their place.
    high_rcode: u16,
    cookie: Option<&'a [u8]>,
}

/// The cookie of a reply.
#[derive(Debug)]
pub(crate) enum Cookie {
    /// The query had no cookie.
    Unasked,
    /// The query had a cookie, and the reply has none.
    Missing,
    /// The reply has a cookie; this is the server's part.
    Server(Box<[u8]>),
}

/// Reads a reply in three steps: whether it answers the query at all, on the raw bytes (RFC 5452
/// section 9.1); its outline; and the records along the CNAME chain of the question, no others.
///
/// `exact_letters` is true where the question must come back in the letter case of the query, `cut`
/// where the end of the datagram was lost.
pub(crate) fn read(
    message: &[u8],
    query: QueryMessage<'_>,
    exact_letters: bool,
    transport: Transport,
    cut: bool,
) -> (ReplyMeaning, Cookie) {
    let plain = |meaning| (meaning, Cookie::Unasked);
    let Some(header) = Header::read(message) else {
        return plain(ReplyMeaning::Foreign);
    };
    if !header.response || header.opcode != OPCODE_QUERY || header.id != query.id {
        return plain(ReplyMeaning::Foreign);
    }
    // The query carries the cookie of a server that is known to send cookies.
    let known = query
        .cookie
        .is_some_and(|cookie| cookie.len() > CLIENT_COOKIE);
    if header.questions == 0 {
        // Old servers reply with a header alone to a query that they do not understand.
        let negative =
            matches!(header.rcode, rcode::FORMERR | rcode::NOTIMP) && message.len() == HEADER;
        if negative && known && transport == Transport::Udp {
            return (ReplyMeaning::NoCookie, Cookie::Missing);
        }
        return plain(if !negative {
            ReplyMeaning::Foreign
        } else if query.edns && is_rejection(header.rcode, false) {
            ReplyMeaning::NoEdns
        } else {
            ReplyMeaning::Failure(ServerOutcome::Rcode(header.rcode))
        });
    }
    match question(message, &header, query) {
        QuestionMatch::No => return plain(ReplyMeaning::Foreign),
        QuestionMatch::OtherLetters if exact_letters => return plain(ReplyMeaning::OtherLetters),
        QuestionMatch::OtherLetters | QuestionMatch::Exact => {}
    }
    let truncated = cut || (header.truncated && transport == Transport::Udp);
    if truncated && matches!(header.rcode, rcode::NO_ERROR | rcode::NXDOMAIN) {
        return plain(ReplyMeaning::Truncated);
    }
    let skeleton = match Skeleton::walk(message) {
        Ok(skeleton) => skeleton,
        // A datagram may be forged; over a connection the message is the server's own.
        Err(_) if transport == Transport::Udp => return plain(ReplyMeaning::Foreign),
        Err(error) => {
            return plain(ReplyMeaning::Failure(ServerOutcome::Malformed(
                error.text(),
            )));
        }
    };
    let extension = extension(skeleton);
    if header.rcode == rcode::FORMERR && extension.present && query.cookie.is_some() && !known {
        // Some such servers return the option of the query unchanged.
        return (ReplyMeaning::BadOption, Cookie::Missing);
    }
    let Ok(cookie) = cookie(&extension, query) else {
        return plain(match transport {
            Transport::Udp => ReplyMeaning::Foreign,
            Transport::Tcp => {
                ReplyMeaning::Failure(ServerOutcome::Malformed("its cookie is not ours"))
            }
        });
    };
    if known && matches!(cookie, Cookie::Missing) && transport == Transport::Udp {
        return (ReplyMeaning::NoCookie, cookie);
    }
    let meaning = final_meaning(skeleton, &header, &extension, query);
    (meaning, cookie)
}

struct Header {
    id: u16,
    response: bool,
    opcode: u8,
    authoritative: bool,
    truncated: bool,
    recursion_available: bool,
    rcode: u16,
    questions: u16,
}

impl Header {
    fn read(message: &[u8]) -> Option<Self> {
        let bytes = message.get(..HEADER)?;
        Some(Self {
            id: u16::from_be_bytes([bytes[0], bytes[1]]),
            response: bytes[2] & RESPONSE != 0,
            opcode: bytes[2] >> 3 & 15,
            authoritative: bytes[2] & AUTHORITATIVE != 0,
            truncated: bytes[2] & TRUNCATED != 0,
            recursion_available: bytes[3] & RECURSION_AVAILABLE != 0,
            rcode: u16::from(bytes[3] & 15),
            questions: u16::from_be_bytes([bytes[4], bytes[5]]),
        })
    }
}

/// How the question of a message compares to that of the query.
enum QuestionMatch {
    Exact,
    OtherLetters,
    No,
}

/// Compares the question of a message, which must not be compressed, to that of the query.
fn question(message: &[u8], header: &Header, query: QueryMessage<'_>) -> QuestionMatch {
    let name = query.name.wire();
    let end = HEADER + name.len();
    let fixed = end..end + 1 + QUESTION;
    let (Some(echo), Some(fixed)) = (message.get(HEADER..end), message.get(fixed)) else {
        return QuestionMatch::No;
    };
    // The root label, the type, the class.
    let mut expected = [0; 1 + QUESTION];
    expected[1..3].copy_from_slice(&query.record_type.code().to_be_bytes());
    expected[3..].copy_from_slice(&CLASS_IN.to_be_bytes());
    if header.questions != 1 || fixed != expected || !echo.eq_ignore_ascii_case(name) {
        QuestionMatch::No
    } else if echo == name {
        QuestionMatch::Exact
    } else {
        QuestionMatch::OtherLetters
    }
}

/// Reads the OPT record. A list of options that is cut off is read as far as it goes, since the
/// answer does not depend on it.
fn extension(skeleton: Skeleton<'_>) -> Extension<'_> {
    let Some(opt) = skeleton.opt() else {
        return Extension::default();
    };
    let mut extension = Extension {
        present: true,
        high_rcode: u16::try_from(opt.ttl >> 24).unwrap_or_default() << 4,
        cookie: None,
    };
    let end = opt.data + usize::from(opt.length);
    let mut rest = skeleton.message().get(opt.data..end).unwrap_or_default();
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((value, tail)) = tail.split_at_checked(length) else {
            break;
        };
        if u16::from_be_bytes([head[0], head[1]]) == COOKIE && extension.cookie.is_none() {
            extension.cookie = Some(value);
        }
        rest = tail;
    }
    extension
}

/// Returns the server's part of the cookie; an error where the cookie shows that the reply is
/// forged (RFC 7873 section 5.3).
fn cookie(extension: &Extension<'_>, query: QueryMessage<'_>) -> Result<Cookie, ()> {
    let (Some(sent), Some(cookie)) = (query.cookie, extension.cookie) else {
        return Ok(match query.cookie {
            Some(_) => Cookie::Missing,
            None => Cookie::Unasked,
        });
    };
    let (ours, server) = cookie.split_at_checked(CLIENT_COOKIE).ok_or(())?;
    let good = sent.starts_with(ours) && SERVER_COOKIE.contains(&server.len());
    good.then(|| Cookie::Server(server.into())).ok_or(())
}

/// Reads the response code, then the records.
fn final_meaning(
    skeleton: Skeleton<'_>,
    header: &Header,
    extension: &Extension<'_>,
    query: QueryMessage<'_>,
) -> ReplyMeaning {
    let rcode = extension.high_rcode | header.rcode;
    let not_found = match rcode {
        rcode::NO_ERROR => false,
        rcode::NXDOMAIN => true,
        code if query.edns && is_rejection(code, extension.present) => return ReplyMeaning::NoEdns,
        rcode::BADCOOKIE if query.cookie.is_some() => return ReplyMeaning::BadCookie,
        code => return ReplyMeaning::Failure(ServerOutcome::Rcode(code)),
    };
    let mut chain = match Chain::follow(skeleton, query) {
        Ok(chain) => chain,
        Err(why) => return ReplyMeaning::Failure(ServerOutcome::Malformed(why)),
    };
    let (chain_ttl, broken) = (chain.ttl, chain.broken);
    // Only a whole, well-formed reply shows that there are no records. Over UDP a truncated one was
    // handled before.
    let truncated = "it is truncated over TCP as well, and has no such records";
    let defect = broken.or_else(|| header.truncated.then_some(truncated));
    let soa = soa_ttl(skeleton, &chain.end);
    let mut absence = Absence::default();
    if !chain.aliases.is_empty() {
        let aliases = std::mem::take(&mut chain.aliases).into_iter();
        absence.aliases = aliases.chain([chain.end.clone()]).collect();
    }
    if not_found {
        if let Some(why) = defect {
            return ReplyMeaning::Failure(ServerOutcome::Malformed(why));
        }
        // The end of the chain does not exist, whatever records the message has.
        return ReplyMeaning::Final(FinalReply::NotFound {
            ttl: soa.flatten().map(|ttl| ttl.min(chain_ttl)),
            absence,
        });
    }
    match chain.records(skeleton, query.record_type) {
        Err(what) => return ReplyMeaning::Failure(ServerOutcome::Malformed(what)),
        Ok(ChainRecords::Found(mut found)) => {
            found.left_out |= header.truncated;
            return ReplyMeaning::Final(FinalReply::Found(found));
        }
        // SRV records are left out for their target ".", bindings for what they demand.
        Ok(ChainRecords::LeftOut) => absence.is_declared = query.record_type == RecordType::Srv,
        Ok(ChainRecords::None) => {}
    }
    if let Some(why) = defect {
        return ReplyMeaning::Failure(ServerOutcome::Malformed(why));
    }
    let lame = !header.authoritative
        && !header.recursion_available
        && soa.is_none()
        && skeleton.answer_count() == 0;
    if lame {
        return ReplyMeaning::Failure(ServerOutcome::Lame);
    }
    ReplyMeaning::Final(FinalReply::NoData {
        ttl: soa.flatten().map(|ttl| ttl.min(chain_ttl)),
        absence,
    })
}

/// Returns the negative TTL from the SOA record (RFC 2308 section 5): `None` where there is no such
/// record, `Some(None)` where it cannot be read or its zone does not contain `name`.
fn soa_ttl(skeleton: Skeleton<'_>, name: &Name) -> Option<Option<u32>> {
    let message = skeleton.message();
    let record = skeleton
        .authorities()
        .find(|record| record.code == SOA && record.class == CLASS_IN)?;
    let ttl = || {
        let (owner, _) = compressed::read(message, record.owner).ok()?;
        let rname = compressed::check(message, record.data).ok()?;
        let numbers = compressed::check(message, rname).ok()?;
        if !name.is_within(&owner)
            || numbers + SOA_NUMBERS != record.data + usize::from(record.length)
        {
            return None;
        }
        let minimum = message.get(numbers + SOA_MINIMUM..numbers + SOA_NUMBERS)?;
        let minimum = u32::from_be_bytes(minimum.try_into().ok()?);
        Some(effective_ttl(record.ttl).min(effective_ttl(minimum)))
    };
    Some(ttl())
}
