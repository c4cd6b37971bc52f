//! What is believed of a reply.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType as Code};
use hickory_proto::serialize::binary::{BinDecoder, Restrict};

use super::CLASS_IN;
use super::compressed;
use super::query::{COOKIE, Query};
use super::skeleton::{RecordAt, Skeleton};
use crate::{Name, Outcome, RecordType, Srv, Transport};

/// CNAME records that are followed, as systemd-resolved has it.
const MAX_CHAIN: usize = 16;
/// CNAME records that are looked at, so that a message full of them costs little.
const MAX_CNAMES: usize = 32;
/// Records of one answer that are kept.
const MAX_RECORDS: usize = 1000;
/// Records of the wanted type that belong to other names, after which the rest is not looked at.
const MAX_FOREIGN: usize = 256;
/// Octets that the targets of SRV records may come to, when compression is undone.
const MAX_TARGETS: usize = 65_536;
/// A TTL with the top bit set counts as 0 (RFC 2181 section 8).
const MAX_TTL: u32 = i32::MAX as u32;

const CNAME: u16 = 5;
const SOA: u16 = 6;

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
    /// The server wants its cookie, which it sent.
    BadCookie,
    /// The server failed: the next one.
    Failure(Outcome),
    /// The answer.
    Verdict(Verdict),
}

/// What the server says about the name.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
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

/// Records that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The records.
    pub records: Records,
    /// The name that owns them, at the end of the CNAMEs.
    pub canonical: Name,
    /// The shortest TTL along the chain.
    pub ttl_secs: u32,
}

/// Records of one type, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Records {
    /// A or AAAA.
    Addresses(Vec<IpAddr>),
    /// SRV.
    Srv(Vec<Srv>),
    /// TXT.
    Txt(Vec<Vec<u8>>),
}

impl Records {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Addresses(list) => list.len(),
            Self::Srv(list) => list.len(),
            Self::Txt(list) => list.len(),
        }
    }
}

/// What the EDNS part of a reply carries.
#[derive(Debug, Default)]
struct Extension<'a> {
    present: bool,
    high_rcode: u16,
    cookie: Option<&'a [u8]>,
}

/// What is remembered of the cookie of a reply.
pub(crate) type ServerCookie = Option<Box<[u8]>>;

/// Reads a reply: first whether it answers the question at all (RFC 5452 section 9.1), on the raw
/// octets; then its outline; then the records along the CNAME chain of the question, and no others.
///
/// `cut` says that the end of the datagram was lost.
pub(crate) fn read(
    message: &[u8],
    query: Query<'_>,
    exact_letters: bool,
    transport: Transport,
    cut: bool,
) -> (Reading, ServerCookie) {
    let plain = |reading| (reading, None);
    let Some(header) = Header::read(message) else {
        return plain(Reading::Foreign);
    };
    if !header.response || header.opcode != 0 || header.id != query.id {
        return plain(Reading::Foreign);
    }
    if header.questions == 0 {
        // Old servers answer what they do not understand with the header alone: FORMERR, NOTIMP.
        let negative = matches!(header.rcode, 1 | 4) && message.len() == 12;
        return plain(match (negative, query.edns) {
            (false, _) => Reading::Foreign,
            (true, true) => Reading::NoEdns,
            (true, false) => Reading::Failure(Outcome::Rcode(header.rcode)),
        });
    }
    match question(message, &header, query) {
        Asked::No => return plain(Reading::Foreign),
        Asked::OtherLetters if exact_letters => return plain(Reading::OtherLetters),
        Asked::OtherLetters | Asked::Yes => {}
    }
    let truncated = cut || (header.truncated && transport == Transport::Udp);
    if truncated && matches!(header.rcode, 0 | 3) {
        return plain(Reading::Truncated);
    }
    let skeleton = match Skeleton::walk(message) {
        Ok(skeleton) => skeleton,
        // A datagram is anybody's; what came over a connection is the server's own.
        Err(_) if transport == Transport::Udp => return plain(Reading::Foreign),
        Err(error) => return plain(Reading::Failure(Outcome::Malformed(error.text()))),
    };
    let Ok(extension) = extension(skeleton) else {
        return plain(Reading::Failure(Outcome::Malformed(
            "its OPT record is malformed",
        )));
    };
    let Ok(cookie) = cookie(&extension, query, transport) else {
        return plain(Reading::Foreign);
    };
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
fn question(message: &[u8], header: &Header, query: Query<'_>) -> Asked {
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

fn extension(skeleton: Skeleton<'_>) -> Result<Extension<'_>, ()> {
    let Some(opt) = skeleton.opt() else {
        return Ok(Extension::default());
    };
    let mut extension = Extension {
        present: true,
        high_rcode: u16::try_from(opt.ttl >> 24).unwrap_or_default() << 4,
        cookie: None,
    };
    let end = opt.data + usize::from(opt.length);
    let mut rest = skeleton.message().get(opt.data..end).ok_or(())?;
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (value, tail) = tail.split_at_checked(length).ok_or(())?;
        if u16::from_be_bytes([head[0], head[1]]) == COOKIE && extension.cookie.is_none() {
            extension.cookie = Some(value);
        }
        rest = tail;
    }
    if rest.is_empty() {
        Ok(extension)
    } else {
        Err(())
    }
}

/// The server's cookie; an error where the reply's cookie shows that it is forged (RFC 7873
/// section 5.3).
fn cookie(
    extension: &Extension<'_>,
    query: Query<'_>,
    transport: Transport,
) -> Result<ServerCookie, ()> {
    let (Some(sent), Transport::Udp) = (query.cookie, transport) else {
        return Ok(None);
    };
    match extension.cookie {
        Some(cookie) if !(16..=40).contains(&cookie.len()) => Err(()),
        Some(cookie) if cookie.get(..8) != sent.get(..8) => Err(()),
        Some(cookie) => Ok(cookie.get(8..).map(Into::into)),
        None => Ok(None),
    }
}

fn verdict(
    skeleton: Skeleton<'_>,
    header: &Header,
    extension: &Extension<'_>,
    query: Query<'_>,
) -> Reading {
    const BADVERS: u16 = 16;
    const BADCOOKIE: u16 = 23;
    let rcode = extension.high_rcode | header.rcode;
    let not_found = match rcode {
        0 => false,
        3 => true,
        1 | 4 if query.edns && !extension.present => return Reading::NoEdns,
        1 if query.cookie.is_some() => return Reading::NoEdns,
        BADVERS if query.edns => return Reading::NoEdns,
        BADCOOKIE if query.cookie.is_some() => return Reading::BadCookie,
        code => return Reading::Failure(Outcome::Rcode(code)),
    };
    let chain = match Chain::follow(skeleton, query) {
        Ok(chain) => chain,
        Err(why) => {
            return Reading::Verdict(Verdict::NoData {
                ttl: None,
                why: Some(why),
            });
        }
    };
    let soa = soa_ttl(skeleton, &chain.end);
    if not_found {
        // Whatever records came along: the end of the chain does not exist.
        return Reading::Verdict(Verdict::NotFound {
            ttl: soa.flatten().map(|ttl| ttl.min(chain.ttl)),
        });
    }
    let chain_ttl = chain.ttl;
    match chain.records(skeleton, query.record_type) {
        Err(what) => return Reading::Failure(Outcome::Malformed(what)),
        Ok(Some(found)) => return Reading::Verdict(Verdict::Found(found)),
        Ok(None) => {}
    }
    let lame = !header.authoritative
        && !header.recursion_available
        && soa.is_none()
        && skeleton.answer_count() == 0;
    if lame {
        return Reading::Failure(Outcome::Lame);
    }
    Reading::Verdict(Verdict::NoData {
        ttl: soa.flatten().map(|ttl| ttl.min(chain_ttl)),
        why: None,
    })
}

/// The CNAME chain of a question.
struct Chain {
    /// The name at its end.
    end: Name,
    /// The shortest TTL of its records; the longest there is where it has none.
    ttl: u32,
}

impl Chain {
    /// Follows the CNAME records of a message, in whatever order they are.
    fn follow(skeleton: Skeleton<'_>, query: Query<'_>) -> Result<Self, &'static str> {
        let message = skeleton.message();
        let mut cnames: Vec<RecordAt> = skeleton
            .answers()
            .filter(|record| record.code == CNAME && record.class == CLASS_IN)
            .take(MAX_CNAMES)
            .collect();
        let mut chain = Self {
            end: query.name.clone(),
            ttl: MAX_TTL,
        };
        let mut seen: Vec<Name> = Vec::new();
        while let Some(index) = cnames
            .iter()
            .position(|record| compressed::equals(message, record.owner, &chain.end))
        {
            let record = cnames.swap_remove(index);
            let target = compressed::read(message, record.data)
                .ok()
                .filter(|&(_, end)| end == record.data + usize::from(record.length));
            // A CNAME that cannot be read leads nowhere; data at its owner still counts.
            let Some((target, _)) = target else { continue };
            if target == chain.end || seen.contains(&target) {
                return Err("its CNAME records form a loop");
            }
            if seen.len() == MAX_CHAIN {
                return Err("its CNAME records form a chain of more than 16");
            }
            chain.ttl = chain.ttl.min(believed(record.ttl));
            seen.push(std::mem::replace(&mut chain.end, target));
        }
        Ok(chain)
    }

    /// The records of the wanted type at the end of the chain.
    fn records(
        self,
        skeleton: Skeleton<'_>,
        record_type: RecordType,
    ) -> Result<Option<Found>, &'static str> {
        let message = skeleton.message();
        let root = BinDecoder::new(message);
        let mut ttl_secs = self.ttl;
        let mut records = match record_type {
            RecordType::A | RecordType::Aaaa => Records::Addresses(Vec::new()),
            RecordType::Srv => Records::Srv(Vec::new()),
            RecordType::Txt => Records::Txt(Vec::new()),
        };
        let mut known = BTreeSet::new();
        let mut targets = 0;
        let wanted = skeleton
            .answers()
            .filter(|record| record.code == record_type.code() && record.class == CLASS_IN);
        let owned = Owned::new(message, &self.end);
        let wanted = owned.among(wanted).take(MAX_RECORDS);
        for record in wanted {
            let ttl = believed(record.ttl);
            ttl_secs = ttl_secs.min(ttl);
            if let Records::Txt(list) = &mut records {
                list.push(text(message, record)?);
                continue;
            }
            let data = decode(&root, message, record)?;
            match (&mut records, data) {
                (Records::Addresses(list), RData::A(a)) => {
                    push_new(list, &mut known, a.0.into());
                }
                (Records::Addresses(list), RData::AAAA(aaaa)) => {
                    push_new(list, &mut known, aaaa.0.into());
                }
                (Records::Srv(list), RData::SRV(srv)) => {
                    let target = Name::from_labels(srv.target.iter());
                    // A target of "." declares the service absent (RFC 2782).
                    if let Some(target) = target.filter(|target| !target.is_root()) {
                        targets += target.wire().len();
                        if targets > MAX_TARGETS {
                            return Err("its targets take more than 64 KiB");
                        }
                        list.push(Srv {
                            priority: srv.priority,
                            weight: srv.weight,
                            port: srv.port,
                            target,
                            ttl: Duration::from_secs(ttl.into()),
                        });
                    }
                }
                _ => return Err("a record is not of the type that it says"),
            }
        }
        Ok((records.count() > 0).then_some(Found {
            records,
            canonical: self.end,
            ttl_secs,
        }))
    }
}

/// Picks the records of one name.
struct Owned<'a> {
    message: &'a [u8],
    name: &'a Name,
    /// Most owners are pointers to one and the same name: the last that was compared, and how.
    last: Option<(&'a [u8], bool)>,
    foreign: usize,
}

impl<'a> Owned<'a> {
    fn new(message: &'a [u8], name: &'a Name) -> Self {
        Self {
            message,
            name,
            last: None,
            foreign: 0,
        }
    }

    fn among(
        mut self,
        mut records: impl Iterator<Item = RecordAt> + 'a,
    ) -> impl Iterator<Item = RecordAt> + 'a {
        std::iter::from_fn(move || {
            while self.foreign < MAX_FOREIGN {
                let record = records.next()?;
                if self.owns(&record) {
                    return Some(record);
                }
            }
            None
        })
    }

    fn owns(&mut self, record: &RecordAt) -> bool {
        let pointer = self.message.get(record.owner..record.owner + 2);
        let pointer = pointer.filter(|octets| octets[0] >= 192);
        match (self.last, pointer) {
            (Some((last, equal)), Some(pointer)) if last == pointer => return equal,
            _ => {}
        }
        let equal = compressed::equals(self.message, record.owner, self.name);
        self.last = pointer.map(|pointer| (pointer, equal));
        self.foreign += usize::from(!equal);
        equal
    }
}

/// The strings of a TXT record, joined. Not the decoder's: it makes one box a string, of which a
/// message may hold 65,000.
fn text(message: &[u8], record: RecordAt) -> Result<Vec<u8>, &'static str> {
    const BAD: &str = "a string of a TXT record is cut off";
    let end = record.data + usize::from(record.length);
    let mut rest = message.get(record.data..end).ok_or(BAD)?;
    if rest.is_empty() {
        return Err("a TXT record holds no string");
    }
    let mut text = Vec::with_capacity(rest.len() - 1);
    while let Some((&length, tail)) = rest.split_first() {
        let (string, tail) = tail.split_at_checked(length.into()).ok_or(BAD)?;
        text.extend_from_slice(string);
        rest = tail;
    }
    Ok(text)
}

fn push_new(list: &mut Vec<IpAddr>, known: &mut BTreeSet<IpAddr>, ip: IpAddr) {
    if known.insert(ip) {
        list.push(ip);
    }
}

/// Decodes the data of one wanted record whose names were checked, so that the decoder has bounded
/// work.
fn decode(root: &BinDecoder<'_>, message: &[u8], record: RecordAt) -> Result<RData, &'static str> {
    const BAD: &str = "the data of a record is malformed";
    let code = Code::from(record.code);
    if code == Code::SRV {
        let end = record.data + usize::from(record.length);
        let after = compressed::check(message, record.data + 6);
        if after != Ok(end) {
            return Err(BAD);
        }
    }
    let at = u16::try_from(record.data).map_err(|_| BAD)?;
    if record.length == 0 {
        return Err(BAD);
    }
    RData::read(&mut root.clone(at), code, Restrict::new(record.length)).map_err(|_| BAD)
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

fn believed(ttl: u32) -> u32 {
    if ttl > MAX_TTL { 0 } else { ttl }
}
