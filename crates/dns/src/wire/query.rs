//! Queries.

use super::codes::{CLASS_IN, COOKIE, HEADER, OPT, QUESTION, RECORD};
use crate::{Name, RecordType};

/// The size of datagrams that queries allow for replies (DNS flag day 2020, RFC 9715).
const EDNS_PAYLOAD: u16 = 1232;
/// The longest cookie, with the head of its option: 8 bytes of the client and at most 32 of the
/// server (RFC 7873 section 4).
const MAX_COOKIE: usize = 4 + 8 + 32;

/// One query as it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryMessage<'a> {
    pub(crate) id: u16,
    /// The name in the letter case in which it is sent.
    pub(crate) name: &'a Name,
    pub(crate) record_type: RecordType,
    pub(crate) edns: bool,
    /// The COOKIE option (RFC 7873): 8 bytes of the client, then those of the server where known.
    pub(crate) cookie: Option<&'a [u8]>,
}

/// Encodes a query.
///
/// Recursion is desired, checking is not disabled, and there is one question of class IN. EDNS is
/// version 0, without DNSSEC.
pub(crate) fn encode(query: QueryMessage<'_>) -> Vec<u8> {
    /// The flag RD (RFC 1035 section 4.1.1).
    const RECURSION_DESIRED: u16 = 0x0100;
    let names = query.name.wire().len() + 2;
    let mut out = Vec::with_capacity(HEADER + names + QUESTION + RECORD + MAX_COOKIE);
    let mut put = |value: u16| out.extend_from_slice(&value.to_be_bytes());
    for value in [query.id, RECURSION_DESIRED, 1, 0, 0, u16::from(query.edns)] {
        put(value);
    }
    out.extend_from_slice(query.name.wire());
    out.push(0);
    out.extend_from_slice(&query.record_type.code().to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    if query.edns {
        // The root, the type, the payload size as class, no extended code, version 0, no flags (RFC
        // 6891 section 6.1.2).
        out.push(0);
        out.extend_from_slice(&OPT.to_be_bytes());
        out.extend_from_slice(&EDNS_PAYLOAD.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        let cookie = query.cookie.unwrap_or_default();
        let length = u16::try_from(cookie.len()).unwrap_or_default();
        if length == 0 {
            out.extend_from_slice(&[0, 0]);
        } else {
            for value in [length + 4, COOKIE, length] {
                out.extend_from_slice(&value.to_be_bytes());
            }
            out.extend_from_slice(cookie);
        }
    }
    out
}
