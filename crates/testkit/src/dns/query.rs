//! What the server was asked.

use std::net::SocketAddr;

use super::record::Type;
use super::wire::{decode_name, read_u16};

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// One query.
#[derive(Clone, Debug)]
pub struct Query {
    /// The name as it was written, without the last dot; `.` for the root.
    pub name: String,
    /// The type that was asked for.
    pub record_type: Type,
    /// How it came.
    pub transport: Transport,
    /// From where.
    pub from: SocketAddr,
    /// The UDP size that its EDNS record offers, if it has one.
    pub edns_size: Option<u16>,
    /// All of its octets.
    pub message: Vec<u8>,
    /// Where the question ends in `message`.
    pub question_end: usize,
}

impl Query {
    /// Reads a query; `None` if it has no question.
    pub(super) fn parse(message: &[u8], transport: Transport, from: SocketAddr) -> Option<Self> {
        let (name, at) = decode_name(message, 12)?;
        let record_type = Type(read_u16(message, at)?);
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

    /// The id.
    #[must_use]
    pub fn id(&self) -> [u8; 2] {
        [self.message[0], self.message[1]]
    }

    /// The question as it was sent: name, type and class.
    #[must_use]
    pub fn question(&self) -> &[u8] {
        &self.message[12..self.question_end]
    }
}

/// A stub puts nothing but OPT behind its question, so it is looked for only there.
fn edns_size(message: &[u8], question_end: usize) -> Option<u16> {
    let (owner, at) = decode_name(message, question_end)?;
    let is_opt = owner == "." && read_u16(message, at)? == Type::OPT.0;
    is_opt.then(|| read_u16(message, at + 2)).flatten()
}
