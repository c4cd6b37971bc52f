//! The queries that are sent.

use super::{CLASS_IN, EDNS_PAYLOAD};
use crate::{Name, RecordType};

/// One question, as it goes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryMessage<'a> {
    pub(crate) id: u16,
    /// The name in the letters that are sent.
    pub(crate) name: &'a Name,
    pub(crate) record_type: RecordType,
    pub(crate) edns: bool,
    /// The COOKIE option (RFC 7873): 8 octets of ours, and the server's where known.
    pub(crate) cookie: Option<&'a [u8]>,
}

/// The COOKIE option (RFC 7873 section 4).
pub(crate) const COOKIE: u16 = 10;

/// Encodes a query.
///
/// Recursion is desired, checking is not disabled, there is one question of class IN; EDNS version
/// 0 without DNSSEC.
pub(crate) fn encode(query: QueryMessage<'_>) -> Vec<u8> {
    const RECURSION_DESIRED: u16 = 0x0100;
    let mut out = Vec::with_capacity(12 + query.name.wire().len() + 5 + 11 + 44);
    let mut put = |value: u16| out.extend_from_slice(&value.to_be_bytes());
    for value in [query.id, RECURSION_DESIRED, 1, 0, 0, u16::from(query.edns)] {
        put(value);
    }
    out.extend_from_slice(query.name.wire());
    out.push(0);
    out.extend_from_slice(&query.record_type.code().to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    if query.edns {
        // The root, type OPT, the payload size as class, no extended code, version 0, no flags.
        out.extend_from_slice(&[0, 0, 41]);
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
