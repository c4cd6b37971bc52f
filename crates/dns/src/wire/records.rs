//! The records of an answer, along the CNAME chain of the question.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType as Code};
use hickory_proto::serialize::binary::{BinDecoder, Restrict};

use super::codes::{CLASS_IN, CNAME};
use super::compressed::{self, POINTER};
use super::query::QueryMessage;
use super::skeleton::{RecordAt, Skeleton};
use crate::svcb::Unusable;
use crate::{Name, RecordType, Srv, Svcb};

/// The maximum number of CNAME records that are followed, as in systemd-resolved.
const MAX_CHAIN: usize = 16;
/// The maximum number of CNAME records that are examined, so that a message full of them costs
/// little.
const MAX_CNAMES: usize = 32;
/// The maximum number of records of one answer that are kept.
const MAX_RECORDS: usize = 1000;
/// The maximum number of records of the wanted type that belong to other names. A message with more
/// is refused.
const MAX_FOREIGN: usize = 256;
/// The maximum number of bytes that the kept records of one answer take without compression. With
/// the working memory, a message then costs at most 64 KiB beyond its own bytes.
const MAX_SIZE: usize = 56 * 1024;
/// The longest TTL: one with the top bit set counts as 0 (RFC 2181 section 8).
const MAX_TTL: u32 = i32::MAX as u32;

/// Bytes of an SRV record before its target: priority, weight, port (RFC 2782).
const SRV_NUMBERS: usize = 6;
/// Bytes of an SVCB or HTTPS record before its target: the priority (RFC 9460 section 2.2).
const SVCB_PRIORITY: usize = 2;

const OTHER_TYPE: &str = "the data of a record is not of the record's type";

/// The records of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The records.
    pub records: Records,
    /// The name that owns the records, at the end of the CNAME chain.
    pub canonical: Name,
    /// The shortest TTL along the chain.
    pub ttl_secs: u32,
    /// True when there are more records: the reply has more than 1,000 or more than 56 KiB of them,
    /// or was truncated over TCP as well.
    pub left_out: bool,
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
    /// SVCB or HTTPS.
    Svcb(Vec<Svcb>),
}

impl Records {
    /// Returns the approximate bytes of the records.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Addresses(list) => size_of_val(&**list),
            Self::Srv(list) => {
                let targets = list.iter().map(|srv| srv.target.wire().len());
                size_of_val(&**list) + targets.sum::<usize>()
            }
            Self::Txt(list) => size_of_val(&**list) + list.iter().map(Vec::len).sum::<usize>(),
            Self::Svcb(list) => list.iter().map(Svcb::bytes).sum(),
        }
    }

    /// Returns the number of records.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Addresses(list) => list.len(),
            Self::Srv(list) => list.len(),
            Self::Txt(list) => list.len(),
            Self::Svcb(list) => list.len(),
        }
    }
}

/// The records at the end of a CNAME chain.
pub(super) enum ChainRecords {
    Found(Found),
    /// The name at the end of the chain has no records of the type.
    None,
    /// The name has records of the type, but all of them were left out.
    LeftOut,
}

/// The CNAME chain of a question.
pub(super) struct Chain {
    /// The aliases on the way, in order; empty where the question's own name is the end.
    pub(super) aliases: Vec<Name>,
    /// The name at its end.
    pub(super) end: Name,
    /// The shortest TTL of its records; the longest possible TTL where it has none.
    pub(super) ttl: u32,
    /// Why the chain may be longer: the name at its end has a CNAME that cannot be read, or there
    /// are more CNAME records than are examined.
    pub(super) broken: Option<&'static str>,
}

impl Chain {
    /// Follows the CNAME records of a message, in any order.
    pub(super) fn follow(
        skeleton: Skeleton<'_>,
        query: QueryMessage<'_>,
    ) -> Result<Self, &'static str> {
        let message = skeleton.message();
        let mut cnames: Vec<RecordAt> = skeleton
            .answers()
            .filter(|record| record.code == CNAME && record.class == CLASS_IN)
            .take(MAX_CNAMES + 1)
            .collect();
        let many = cnames.len() > MAX_CNAMES;
        cnames.truncate(MAX_CNAMES);
        let mut chain = Self {
            aliases: Vec::new(),
            end: query.name.clone(),
            ttl: MAX_TTL,
            broken: None,
        };
        while let Some(index) = cnames
            .iter()
            .position(|record| compressed::equals(message, record.owner, &chain.end))
        {
            let record = cnames.swap_remove(index);
            let target = compressed::read(message, record.data)
                .ok()
                .filter(|&(_, end)| end == record.data + usize::from(record.length));
            let Some((target, _)) = target else {
                chain.broken = Some("a CNAME record cannot be read");
                continue;
            };
            if target == chain.end || chain.aliases.contains(&target) {
                return Err("its CNAME records form a loop");
            }
            if chain.aliases.len() == MAX_CHAIN {
                return Err("its CNAME records form a chain of more than 16");
            }
            chain.ttl = chain.ttl.min(effective_ttl(record.ttl));
            chain.broken = None;
            let alias = std::mem::replace(&mut chain.end, target);
            chain.aliases.push(alias);
        }
        if many {
            chain.broken = Some("it has more than 32 CNAME records");
        }
        Ok(chain)
    }

    /// Returns the records of the wanted type at the end of the chain.
    pub(super) fn records(
        self,
        skeleton: Skeleton<'_>,
        record_type: RecordType,
    ) -> Result<ChainRecords, &'static str> {
        let message = skeleton.message();
        let root = BinDecoder::new(message);
        let wanted = Wanted::new(skeleton, &self.end, record_type)?;
        let records = match record_type {
            RecordType::A | RecordType::Aaaa => {
                let mut known = BTreeSet::new();
                Records::Addresses(wanted.read(|record| {
                    let ip = address(&root, message, record)?;
                    Ok(known.insert(ip).then_some(ip))
                })?)
            }
            RecordType::Srv => Records::Srv(wanted.read(|at| service(&root, message, at))?),
            RecordType::Txt => Records::Txt(wanted.read(|at| text(message, at).map(Some))?),
            RecordType::Svcb | RecordType::Https => {
                Records::Svcb(wanted.read(|at| binding(message, at))?)
            }
        };
        let ttl_secs = self.ttl.min(wanted.ttl);
        let (left_out, is_empty) = (wanted.left_out, wanted.at.is_empty());
        Ok(if records.count() > 0 {
            ChainRecords::Found(Found {
                records,
                canonical: self.end,
                ttl_secs,
                left_out,
            })
        } else if is_empty {
            ChainRecords::None
        } else {
            ChainRecords::LeftOut
        })
    }
}

/// The records of one type of one name, as many as are kept.
struct Wanted<'a> {
    skeleton: Skeleton<'a>,
    /// The offset of each record, since finding them again by their owners would take time.
    at: Vec<u16>,
    /// The shortest of their TTLs; the longest possible TTL where there are none.
    ttl: u32,
    /// True when there are more records than are kept.
    left_out: bool,
}

impl<'a> Wanted<'a> {
    fn new(
        skeleton: Skeleton<'a>,
        owner: &'a Name,
        record_type: RecordType,
    ) -> Result<Self, &'static str> {
        let mut wanted = Self {
            skeleton,
            at: Vec::new(),
            ttl: MAX_TTL,
            left_out: false,
        };
        let message = skeleton.message();
        let of_type = skeleton
            .answers()
            .filter(|record| record.code == record_type.code() && record.class == CLASS_IN);
        let owned = Owned::new(message, owner).among(of_type);
        let mut size = 0;
        for (count, record) in owned.enumerate() {
            if count == MAX_RECORDS {
                wanted.left_out = true;
                break;
            }
            let record = record?;
            size += Self::size(message, record_type, record);
            if size > MAX_SIZE {
                wanted.left_out = true;
                break;
            }
            wanted.at.extend(u16::try_from(record.owner));
            wanted.ttl = wanted.ttl.min(effective_ttl(record.ttl));
        }
        if wanted.at.is_empty() && size > 0 {
            Err("its records take more than 56 KiB")
        } else {
            Ok(wanted)
        }
    }

    /// Returns an upper bound of the bytes of a decoded record.
    fn size(message: &[u8], record_type: RecordType, record: RecordAt) -> usize {
        match record_type {
            RecordType::A | RecordType::Aaaa => size_of::<IpAddr>(),
            RecordType::Srv => {
                size_of::<Srv>() + compressed::length(message, record.data + SRV_NUMBERS)
            }
            RecordType::Txt => {
                let strings = strings(message, record).map_while(Result::ok);
                size_of::<Vec<u8>>() + strings.map(<[u8]>::len).sum::<usize>()
            }
            RecordType::Svcb | RecordType::Https => {
                let target = compressed::length(message, record.data + SVCB_PRIORITY);
                size_of::<Svcb>() + target + usize::from(record.length)
            }
        }
    }

    /// Decodes the records with `read`, which returns `None` for a record to leave out.
    fn read<T>(
        &self,
        mut read: impl FnMut(RecordAt) -> Result<Option<T>, &'static str>,
    ) -> Result<Vec<T>, &'static str> {
        let mut list = Vec::with_capacity(self.at.len());
        let at = self.at.iter();
        for record in at.filter_map(|&at| self.skeleton.record(at.into())) {
            list.extend(read(record)?);
        }
        // The room of records that were left out must not stay in the cache.
        list.shrink_to_fit();
        Ok(list)
    }
}

/// A filter for the records of one name.
struct Owned<'a> {
    message: &'a [u8],
    name: &'a Name,
    /// The last pointer that was compared, and whether its name is equal: most owners are pointers
    /// to the same name.
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
    ) -> impl Iterator<Item = Result<RecordAt, &'static str>> + 'a {
        std::iter::from_fn(move || {
            while self.foreign < MAX_FOREIGN {
                let record = records.next()?;
                if self.owns(&record) {
                    return Some(Ok(record));
                }
            }
            Some(Err("it has too many records of other names"))
        })
    }

    fn owns(&mut self, record: &RecordAt) -> bool {
        let pointer = self.message.get(record.owner..record.owner + 2);
        let pointer = pointer.filter(|pointer| pointer[0] >= POINTER);
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

/// Decodes an A or AAAA record.
fn address(
    root: &BinDecoder<'_>,
    message: &[u8],
    record: RecordAt,
) -> Result<IpAddr, &'static str> {
    match decode(root, message, record)? {
        RData::A(a) => Ok(a.0.into()),
        RData::AAAA(aaaa) => Ok(aaaa.0.into()),
        _ => Err(OTHER_TYPE),
    }
}

/// Decodes an SRV record; `None` for a target of ".", which declares the service absent (RFC 2782).
fn service(
    root: &BinDecoder<'_>,
    message: &[u8],
    record: RecordAt,
) -> Result<Option<Srv>, &'static str> {
    let RData::SRV(srv) = decode(root, message, record)? else {
        return Err(OTHER_TYPE);
    };
    let target = Name::from_labels(srv.target.iter());
    let target = target.filter(|target| !target.is_root());
    Ok(target.map(|target| Srv {
        priority: srv.priority,
        weight: srv.weight,
        port: srv.port,
        target,
        ttl: Duration::from_secs(effective_ttl(record.ttl).into()),
    }))
}

/// Decodes a TXT record: its strings, joined. hickory's decoder is not used, since it allocates for
/// each string, of which a message may have 65,000.
fn text(message: &[u8], record: RecordAt) -> Result<Vec<u8>, &'static str> {
    let mut size = 0;
    for string in strings(message, record) {
        size += string?.len();
    }
    if record.length == 0 {
        return Err("a TXT record holds no string");
    }
    let mut text = Vec::with_capacity(size);
    text.extend(strings(message, record).flatten().flatten());
    Ok(text)
}

/// Returns the strings of a TXT record, each of which comes after its length.
fn strings(message: &[u8], record: RecordAt) -> impl Iterator<Item = Result<&[u8], &'static str>> {
    let end = record.data + usize::from(record.length);
    let mut rest = message.get(record.data..end).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        let Some((string, tail)) = tail.split_at_checked(length.into()) else {
            rest = &[];
            return Some(Err("a string of a TXT record is cut off"));
        };
        rest = tail;
        Some(Ok(string))
    })
}

/// Decodes an SVCB or HTTPS record; `None` for one with a mandatory parameter that is not
/// supported. hickory's decoder is not used, since it allocates for each of the ALPN ids, which may
/// be many and short.
fn binding(message: &[u8], record: RecordAt) -> Result<Option<Svcb>, &'static str> {
    const BAD: &str = "the parameters of a service binding are malformed";
    let end = record.data + usize::from(record.length);
    let priority = message.get(record.data..end).and_then(<[u8]>::first_chunk);
    let priority = u16::from_be_bytes(*priority.ok_or(BAD)?);
    let (target, params) =
        compressed::read(message, record.data + SVCB_PRIORITY).map_err(|_| BAD)?;
    let params = message.get(params..end).ok_or(BAD)?;
    match Svcb::parse(priority, target, params) {
        Ok(binding) => Ok(Some(binding)),
        Err(Unusable::NotUnderstood) => Ok(None),
        Err(Unusable::Malformed) => Err(BAD),
    }
}

/// Decodes the data of one record with hickory's decoder. Names are checked first, so that the
/// decoder's work is bounded.
fn decode(root: &BinDecoder<'_>, message: &[u8], record: RecordAt) -> Result<RData, &'static str> {
    const BAD: &str = "the data of a record is malformed";
    let code = Code::from(record.code);
    if code == Code::SRV {
        let end = record.data + usize::from(record.length);
        let after = compressed::check(message, record.data + SRV_NUMBERS);
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

/// Returns the TTL that applies: 0 for one with the top bit set (RFC 2181 section 8).
pub(super) fn effective_ttl(ttl: u32) -> u32 {
    if ttl > MAX_TTL { 0 } else { ttl }
}
