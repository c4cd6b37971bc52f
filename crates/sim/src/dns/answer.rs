//! Answers on the wire (RFC 1035 section 4.1, RFC 6891 section 6.1).

use super::code::{Rcode, Type};
use super::query::{Query, Transport};
use super::record::Record;

/// The size of a UDP message that every client accepts, in bytes (RFC 1035 section 2.3.4).
const MIN_UDP: u16 = 512;
/// The UDP payload size that the server's own OPT record offers, in bytes (RFC 6891 section 6.2.5).
const SERVER_UDP: u16 = 1232;

// Header bits (RFC 1035 section 4.1.1).
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const RCODE: u16 = 0x000F;

/// The content of an answer, without what it repeats from the query.
///
/// Encoding checks nothing: a label of more than 63 bytes and a string of more than 255 bytes are
/// cut, everything else is written as given. The answer has an OPT record when the query has one.
///
/// # Examples
///
/// ```
/// use trunkline_sim::dns::{Answer, Data, Query, Record, Transport, Type};
///
/// let header = [7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
/// let message = [&header[..], b"\x02db\x04test\0\0\x01\0\x01"].concat();
/// let client = ([192, 0, 2, 1], 4000).into();
/// let query = Query::parse(&message, Transport::Udp, client).unwrap();
/// assert_eq!((query.name.as_str(), query.record_type), ("db.test", Type::A));
///
/// let mut answer = Answer::default();
/// answer.answers.push(Record::new(Data::A([198, 51, 100, 7].into())));
/// assert!(answer.encode(&query).ends_with(&[198, 51, 100, 7]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The response code.
    pub rcode: Rcode,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section, without the OPT record.
    pub additional: Vec<Record>,
}

impl Answer {
    /// Returns the message for `query`: the whole answer if it fits, else an empty message with
    /// TC set.
    ///
    /// Over TCP every answer fits. Over UDP the limit is the size that the query's OPT record
    /// offers, and at least 512 bytes.
    #[must_use]
    pub fn encode(&self, query: &Query) -> Vec<u8> {
        let whole = self.encode_whole(query);
        let limit = usize::from(query.edns_size.unwrap_or(MIN_UDP).max(MIN_UDP));
        if query.transport == Transport::Udp && whole.len() > limit {
            self.encode_truncated(query)
        } else {
            whole
        }
    }

    /// Returns the message with all its records, whatever size the client accepts.
    #[must_use]
    pub fn encode_whole(&self, query: &Query) -> Vec<u8> {
        let sections = [&self.answers[..], &self.authority, &self.additional];
        self.message(query, 0, sections)
    }

    /// Returns the message without its records and with TC set, so that the client asks over TCP.
    #[must_use]
    pub fn encode_truncated(&self, query: &Query) -> Vec<u8> {
        self.message(query, TRUNCATED, [&[], &[], &[]])
    }

    fn message(&self, query: &Query, flags: u16, sections: [&[Record]; 3]) -> Vec<u8> {
        let has_edns = query.edns_size.is_some();
        let mut flags = flags | RESPONSE | RECURSION_AVAILABLE | (self.rcode.0 & RCODE);
        if query.is_recursion_desired() {
            flags |= RECURSION_DESIRED;
        }
        let mut out = query.id().to_vec();
        out.extend(flags.to_be_bytes());
        out.extend(1_u16.to_be_bytes());
        for (section, has_opt) in sections.iter().zip([false, false, has_edns]) {
            out.extend((section.len() as u16 + u16::from(has_opt)).to_be_bytes());
        }
        // Repeated byte by byte: the client may compare the case of the letters.
        out.extend_from_slice(query.question());
        for record in sections.into_iter().flatten() {
            record.write(&mut out);
        }
        if has_edns {
            write_opt((self.rcode.0 >> 4) as u8, &mut out);
        }
        out
    }
}

/// Writes an OPT record with the upper bits of the response code (RFC 6891 section 6.1.3).
fn write_opt(upper_rcode: u8, out: &mut Vec<u8>) {
    // The owner is the root; the class is the payload size; the TTL holds the upper bits, the
    // version and the flags; there are no options.
    out.push(0);
    out.extend(Type::OPT.0.to_be_bytes());
    out.extend(SERVER_UDP.to_be_bytes());
    out.extend([upper_rcode, 0, 0, 0]);
    out.extend(0_u16.to_be_bytes());
}
