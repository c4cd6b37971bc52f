//! The messages of `grpc.health.v1.Health/Watch`.

use bytes::{BufMut, Bytes, BytesMut};
use http::uri::PathAndQuery;

use crate::health::ServingStatus;
use crate::watch::Watch;

/// The path of the method.
const PATH: &str = "/grpc.health.v1.Health/Watch";

/// The key of `HealthCheckRequest.service`: field 1, length-delimited.
const SERVICE: u8 = 1 << 3 | WIRE_LEN as u8;

/// The number of `HealthCheckResponse.status`.
const STATUS: u64 = 1;

// The wire types of protobuf.
const WIRE_VARINT: u64 = 0;
const WIRE_I64: u64 = 1;
const WIRE_LEN: u64 = 2;
const WIRE_I32: u64 = 5;

/// Returns the call that watches the health of a service; empty for the server as a whole.
pub(super) fn watch_call(service: &str) -> Watch {
    let mut request = BytesMut::new();
    if !service.is_empty() {
        request.put_u8(SERVICE);
        put_varint(&mut request, service.len() as u64);
        request.put_slice(service.as_bytes());
    }
    Watch::new(PathAndQuery::from_static(PATH), request.freeze())
}

fn put_varint(to: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        to.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    to.put_u8(number as u8);
}

/// Returns the status in a `HealthCheckResponse`; `None` if the message is malformed.
pub(super) fn read_response(message: &Bytes) -> Option<ServingStatus> {
    let mut rest = &message[..];
    // In proto3 an absent field is 0, and the last one of several counts.
    let mut status = 0;
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (0, _) => return None,
            (STATUS, WIRE_VARINT) => status = take_varint(&mut rest)?,
            (_, WIRE_VARINT) => drop(take_varint(&mut rest)?),
            (_, WIRE_I64) => rest = rest.get(8..)?,
            (_, WIRE_I32) => rest = rest.get(4..)?,
            (_, WIRE_LEN) => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            _ => return None,
        }
    }
    Some(ServingStatus::from_number(status))
}

/// Removes a varint from the front; `None` if it is cut off or longer than 64 bits.
fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request has the name of the service in field 1; none for the server as a whole.
    #[test]
    fn requests() {
        let check = |service: &str, expected: &[u8]| {
            let watch = watch_call(service);
            assert_eq!(watch.path, PATH);
            assert_eq!(&watch.request[..], expected);
        };
        check("", b"");
        check("a.S", b"\x0a\x03a.S");
        let long = "s".repeat(300);
        let expected = [b"\x0a\xac\x02", long.as_bytes()].concat();
        check(&long, &expected);
    }

    /// A response has its status in field 1. Unknown fields are skipped, and a malformed message is
    /// refused.
    #[test]
    fn responses() {
        let check = |message: &'static [u8], expected: Option<ServingStatus>| {
            assert_eq!(
                read_response(&Bytes::from_static(message)),
                expected,
                "{message:?}"
            );
        };
        check(b"", Some(ServingStatus::Unknown));
        check(b"\x08\x01", Some(ServingStatus::Serving));
        check(b"\x08\x02", Some(ServingStatus::NotServing));
        check(b"\x08\x03", Some(ServingStatus::ServiceUnknown));
        check(b"\x08\x96\x01", Some(ServingStatus::Other(150)));
        check(b"\x08\x02\x08\x01", Some(ServingStatus::Serving));
        check(b"\x12\x03abc\x08\x01", Some(ServingStatus::Serving));
        check(
            b"\x1912345678\x08\x01\x251234\x18\x07",
            Some(ServingStatus::Serving),
        );
        for malformed in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x00\x01",
            b"\x12\x04abc",
            b"\x19123",
            b"\x0b",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            check(malformed, None);
        }
    }
}
