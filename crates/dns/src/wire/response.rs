//! What is believed of a reply.

use super::query::{COOKIE, QueryMessage};
use super::records::{Chain, Found, believed};
use super::skeleton::Skeleton;
use super::{CLASS_IN, compressed};
use crate::{Name, ServerOutcome, Transport, rcode};

const SOA: u16 = 6;
/// Octets of our part of a cookie (RFC 7873 section 4.1); the server's has 8 to 32.
pub(crate) const CLIENT_COOKIE: usize = 8;

/// What a message is to the question that was asked.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It does not answer the question: as if it had not come.
    Foreign,
    /// It answers, but in other letters than were sent: TCP decides.
    OtherLetters,
    /// It did not fit: TCP.
    Truncated,
    /// The server does not know EDNS: the same again without.
    NoEdns,
    /// It lacks the cookie that the server is known to send: TCP decides.
    NoCookie,
    /// The server wants its cookie, which it sent.
    BadCookie,
    /// The server knows EDNS and does not like the cookie: the same again without.
    BadOption,
    /// The server failed: the next one.
    Failure(ServerOutcome),
    /// The answer.
    Final(FinalReply),
}

/// What the server says about the name.
#[derive(Clone, Debug)]
pub(crate) enum FinalReply {
    Found(Found),
    NoData {
        /// For how long that holds (RFC 2308), where the server says so.
        ttl: Option<u32>,
        /// What is wrong with the records, where there are some that cannot be used.
        why: Option<&'static str>,
    },
    NotFound {
        ttl: Option<u32>,
    },
}

/// What the EDNS part of a reply carries.
#[derive(Debug, Default)]
struct Extension<'a> {
    present: bool,
    high_rcode: u16,
    cookie: Option<&'a [u8]>,
}

/// What a reply says of cookies.
#[derive(Debug)]
pub(crate) enum Cookie {
    /// The query had none.
    Unasked,
    /// The query had one, and the reply has none.
    Missing,
    /// The server's part.
    Server(Box<[u8]>),
}

/// Reads a reply: first whether it answers the question at all (RFC 5452 section 9.1), on the raw
/// octets; then its outline; then the records along the CNAME chain of the question, and no others.
///
/// `cut` says that the end of the datagram was lost.
pub(crate) fn read(
    message: &[u8],
    query: QueryMessage<'_>,
    exact_letters: bool,
    transport: Transport,
    cut: bool,
) -> (Reading, Cookie) {
    let plain = |reading| (reading, Cookie::Unasked);
    let Some(header) = Header::read(message) else {
        return plain(Reading::Foreign);
    };
    if !header.response || header.opcode != 0 || header.id != query.id {
        return plain(Reading::Foreign);
    }
    // A server that is known to send cookies has its own in the query.
    let known = query
        .cookie
        .is_some_and(|cookie| cookie.len() > CLIENT_COOKIE);
    if header.questions == 0 {
        // Old servers answer what they do not understand with the header alone: FORMERR, NOTIMP.
        let negative =
            matches!(header.rcode, rcode::FORMERR | rcode::NOTIMP) && message.len() == 12;
        if negative && known && transport == Transport::Udp {
            return (Reading::NoCookie, Cookie::Missing);
        }
        return plain(match (negative, query.edns) {
            (false, _) => Reading::Foreign,
            (true, true) => Reading::NoEdns,
            (true, false) => Reading::Failure(ServerOutcome::Rcode(header.rcode)),
        });
    }
    match question(message, &header, query) {
        Asked::No => return plain(Reading::Foreign),
        Asked::OtherLetters if exact_letters => return plain(Reading::OtherLetters),
        Asked::OtherLetters | Asked::Yes => {}
    }
    let truncated = cut || (header.truncated && transport == Transport::Udp);
    if truncated && matches!(header.rcode, rcode::NO_ERROR | rcode::NXDOMAIN) {
        return plain(Reading::Truncated);
    }
    let skeleton = match Skeleton::walk(message) {
        Ok(skeleton) => skeleton,
        // A datagram is anybody's; what came over a connection is the server's own.
        Err(_) if transport == Transport::Udp => return plain(Reading::Foreign),
        Err(error) => return plain(Reading::Failure(ServerOutcome::Malformed(error.text()))),
    };
    let extension = extension(skeleton);
    if header.rcode == rcode::FORMERR && extension.present && query.cookie.is_some() && !known {
        // Some send our option back as it was.
        return (Reading::BadOption, Cookie::Missing);
    }
    let Ok(cookie) = cookie(&extension, query) else {
        return plain(match transport {
            Transport::Udp => Reading::Foreign,
            Transport::Tcp => Reading::Failure(ServerOutcome::Malformed("its cookie is not ours")),
        });
    };
    if known && matches!(cookie, Cookie::Missing) && transport == Transport::Udp {
        return (Reading::NoCookie, cookie);
    }
    let reading = verdict(skeleton, &header, &extension, query);
    (reading, cookie)
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
        let octets = message.get(..12)?;
        Some(Self {
            id: u16::from_be_bytes([octets[0], octets[1]]),
            response: octets[2] & 0x80 != 0,
            opcode: octets[2] >> 3 & 15,
            authoritative: octets[2] & 4 != 0,
            truncated: octets[2] & 2 != 0,
            recursion_available: octets[3] & 0x80 != 0,
            rcode: u16::from(octets[3] & 15),
            questions: u16::from_be_bytes([octets[4], octets[5]]),
        })
    }
}

enum Asked {
    Yes,
    OtherLetters,
    No,
}

/// Whether the message carries the question that was asked, uncompressed as it must be.
fn question(message: &[u8], header: &Header, query: QueryMessage<'_>) -> Asked {
    let name = query.name.wire();
    let end = 12 + name.len();
    let (Some(echo), Some(fixed)) = (message.get(12..end), message.get(end..end + 5)) else {
        return Asked::No;
    };
    let mut expected = [0, 0, 0, 0, 0];
    expected[1..3].copy_from_slice(&query.record_type.code().to_be_bytes());
    expected[3..].copy_from_slice(&CLASS_IN.to_be_bytes());
    if header.questions != 1 || fixed != expected || !echo.eq_ignore_ascii_case(name) {
        Asked::No
    } else if echo == name {
        Asked::Yes
    } else {
        Asked::OtherLetters
    }
}

/// What the OPT record says. A list of options that breaks off is read as far as it goes: it is
/// nothing that the answer rests on.
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

/// The server's cookie; an error where the reply's cookie shows that it is forged (RFC 7873
/// section 5.3).
fn cookie(extension: &Extension<'_>, query: QueryMessage<'_>) -> Result<Cookie, ()> {
    let (Some(sent), Some(cookie)) = (query.cookie, extension.cookie) else {
        return Ok(match query.cookie {
            Some(_) => Cookie::Missing,
            None => Cookie::Unasked,
        });
    };
    let (ours, server) = cookie.split_at_checked(CLIENT_COOKIE).ok_or(())?;
    let good = sent.starts_with(ours) && (8..=32).contains(&server.len());
    good.then(|| Cookie::Server(server.into())).ok_or(())
}

fn verdict(
    skeleton: Skeleton<'_>,
    header: &Header,
    extension: &Extension<'_>,
    query: QueryMessage<'_>,
) -> Reading {
    let rcode = extension.high_rcode | header.rcode;
    let not_found = match rcode {
        rcode::NO_ERROR => false,
        rcode::NXDOMAIN => true,
        rcode::NOTIMP if query.edns && !extension.present => return Reading::NoEdns,
        // With an OPT record in its reply the server knows EDNS, and rejects that of the query: an
        // option, or the version.
        rcode::FORMERR | rcode::BADVERS if query.edns => return Reading::NoEdns,
        rcode::BADCOOKIE if query.cookie.is_some() => return Reading::BadCookie,
        code => return Reading::Failure(ServerOutcome::Rcode(code)),
    };
    let chain = match Chain::follow(skeleton, query) {
        Ok(chain) => chain,
        Err(why) => {
            return Reading::Final(FinalReply::NoData {
                ttl: None,
                why: Some(why),
            });
        }
    };
    let soa = soa_ttl(skeleton, &chain.end);
    if not_found {
        // Whatever records came along: the end of the chain does not exist.
        return Reading::Final(FinalReply::NotFound {
            ttl: soa.flatten().map(|ttl| ttl.min(chain.ttl)),
        });
    }
    let (chain_ttl, broken) = (chain.ttl, chain.broken);
    match chain.records(skeleton, query.record_type) {
        Err(what) => return Reading::Failure(ServerOutcome::Malformed(what)),
        Ok(Some(found)) => return Reading::Final(FinalReply::Found(found)),
        Ok(None) => {}
    }
    if let Some(why) = broken {
        return Reading::Failure(ServerOutcome::Malformed(why));
    }
    let lame = !header.authoritative
        && !header.recursion_available
        && soa.is_none()
        && skeleton.answer_count() == 0;
    if lame {
        return Reading::Failure(ServerOutcome::Lame);
    }
    Reading::Final(FinalReply::NoData {
        ttl: soa.flatten().map(|ttl| ttl.min(chain_ttl)),
        why: None,
    })
}

/// The negative TTL of the SOA record above `name` (RFC 2308 section 5): `None` where there is no
/// such record, `Some(None)` where it cannot be read.
fn soa_ttl(skeleton: Skeleton<'_>, name: &Name) -> Option<Option<u32>> {
    let message = skeleton.message();
    let record = skeleton
        .authorities()
        .find(|record| record.code == SOA && record.class == CLASS_IN)?;
    let ttl = || {
        let (owner, _) = compressed::read(message, record.owner).ok()?;
        let rname = compressed::check(message, record.data).ok()?;
        let numbers = compressed::check(message, rname).ok()?;
        if !name.is_within(&owner) || numbers + 20 != record.data + usize::from(record.length) {
            return None;
        }
        let octets = message.get(numbers + 16..numbers + 20)?;
        let minimum = u32::from_be_bytes(octets.try_into().ok()?);
        Some(believed(record.ttl).min(believed(minimum)))
    };
    Some(ttl())
}
