//! The messages of `grpc.health.v1.Health/Watch`.

use bytes::Bytes;
use http::uri::PathAndQuery;

use crate::health::ServingStatus;
use crate::protobuf::{Value, put_bytes, take_field};
use crate::watch::Watch;

/// The path of the method.
const PATH: &str = "/grpc.health.v1.Health/Watch";

/// The number of `HealthCheckRequest.service`.
const SERVICE: u64 = 1;

/// The number of `HealthCheckResponse.status`.
const STATUS: u64 = 1;

/// Returns the call that watches the health of a service; empty for the server as a whole.
pub(super) fn watch_call(service: &str) -> Watch {
    let mut request = Vec::new();
    if !service.is_empty() {
        put_bytes(&mut request, SERVICE, service.as_bytes());
    }
    Watch::new(PathAndQuery::from_static(PATH), request.into())
}

/// Returns the status in a `HealthCheckResponse`; `None` if the message is malformed.
pub(super) fn read_response(message: &Bytes) -> Option<ServingStatus> {
    let mut rest = &message[..];
    // In proto3 an absent field is 0, and the last one of several counts.
    let mut status = 0;
    while !rest.is_empty() {
        if let (STATUS, Value::Varint(number)) = take_field(&mut rest)? {
            status = number;
        }
    }
    Some(ServingStatus::from_number(status))
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
