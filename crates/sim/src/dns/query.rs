//! Queries on the wire (RFC 1035 section 4, RFC 6891 section 6.1).

use super::name;

/// The type of the pseudo record of EDNS.
const OPT: u16 = 41;
const HEADER: usize = 12;

/// A query, and what its answer must repeat.
pub(super) struct Parsed {
    pub(super) id: u16,
    pub(super) recursion_desired: bool,
    /// The question as it came: an answer repeats the case of its letters.
    pub(super) question: Vec<u8>,
    pub(super) name: String,
    pub(super) kind: u16,
    /// What the client takes over UDP, if it speaks EDNS.
    pub(super) udp_size: Option<u16>,
}

impl Parsed {
    /// `None` if this is no query with one question.
    pub(super) fn from_wire(octets: &[u8]) -> Option<Self> {
        let flags = u16_at(octets, 2)?;
        let is_query = flags & 0xF800 == 0;
        if !is_query || u16_at(octets, 4)? != 1 {
            return None;
        }
        let (name, name_len) = name::read(octets.get(HEADER..)?)?;
        let kind = u16_at(octets, HEADER + name_len)?;
        let end = HEADER + name_len + 4;
        let question = octets.get(HEADER..end)?.to_vec();
        // A query has no records before the additional ones; OPT comes first in practice.
        let is_opt = octets.get(end) == Some(&0) && u16_at(octets, end + 1) == Some(OPT);
        let udp_size = match is_opt {
            true => u16_at(octets, end + 3),
            false => None,
        };
        Some(Self {
            id: u16_at(octets, 0)?,
            recursion_desired: flags & 0x0100 != 0,
            question,
            name,
            kind,
            udp_size,
        })
    }
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    let bytes = octets.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}
