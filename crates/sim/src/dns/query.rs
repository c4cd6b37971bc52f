//! Queries on the wire (RFC 1035 section 4, RFC 6891 section 6.1).

use std::net::SocketAddr;

use super::code::Type;
use super::name;

/// The length of a message's header, and so the offset of its question (RFC 1035 section 4.1.1).
const HEADER: usize = 12;
/// The header bits QR and OPCODE: all clear in a standard query (RFC 1035 section 4.1.1).
const RESPONSE_OR_OPCODE: u16 = 0xF800;
/// The header bit RD, recursion desired (RFC 1035 section 4.1.1).
const RECURSION_DESIRED: u16 = 0x0100;

/// The transport that carried a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP: one datagram.
    Udp,
    /// TCP.
    Tcp,
}

/// A query that a server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The name as the client wrote it, without the final dot; `.` for the root.
    pub name: String,
    /// The record type that the client asks for.
    pub record_type: Type,
    /// The transport that carried the query.
    pub transport: Transport,
    /// The client's address.
    pub from: SocketAddr,
    /// The UDP payload size that the OPT record offers, in bytes, if the query has one.
    pub edns_size: Option<u16>,
    /// The whole message.
    pub message: Vec<u8>,
    /// The offset in `message` behind the question.
    pub question_end: usize,
}

impl Query {
    /// Reads a message; returns `None` unless it is a standard query with one question.
    #[must_use]
    pub fn parse(message: &[u8], transport: Transport, from: SocketAddr) -> Option<Self> {
        let is_query = read_u16(message, 2)? & RESPONSE_OR_OPCODE == 0;
        if !is_query || read_u16(message, 4)? != 1 {
            return None;
        }
        let (name, at) = name::read(message, HEADER)?;
        let record_type = Type(read_u16(message, at)?);
        // The class may be any, but must be there.
        read_u16(message, at + 2)?;
        let question_end = at + 4;
        Some(Self {
            name,
            record_type,
            transport,
            from,
            edns_size: edns_size(message, question_end),
            message: message.to_vec(),
            question_end,
        })
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> [u8; 2] {
        [self.message[0], self.message[1]]
    }

    /// Returns the question as the client sent it: name, type and class.
    #[must_use]
    pub fn question(&self) -> &[u8] {
        &self.message[HEADER..self.question_end]
    }

    /// Returns whether the client asks the server to resolve the name recursively.
    #[must_use]
    pub fn is_recursion_desired(&self) -> bool {
        read_u16(&self.message, 2).is_some_and(|flags| flags & RECURSION_DESIRED != 0)
    }
}

/// Returns the payload size of the OPT record directly behind the question: a stub resolver sends
/// no other record.
fn edns_size(message: &[u8], question_end: usize) -> Option<u16> {
    let (owner, at) = name::read(message, question_end)?;
    let is_opt = owner == "." && read_u16(message, at)? == Type::OPT.0;
    is_opt.then(|| read_u16(message, at + 2)).flatten()
}

fn read_u16(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}
