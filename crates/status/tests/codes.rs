//! Codes: [status codes](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md) and
//! [the mapping of HTTP statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).

use http::StatusCode;
use trunkline_status::Code;

/// Each code is found by its number, and by its name in upper or lower case.
#[test]
fn numbers_and_names() {
    for number in 0..=16 {
        let code = Code::from_number(number).expect("there are 17 codes");
        assert_eq!(u32::from(code.number()), number);
        assert_eq!(code.name().parse(), Ok(code));
        assert_eq!(code.name().to_ascii_lowercase().parse(), Ok(code));
        assert_eq!(code.to_string(), code.name());
    }
    for (number, name) in [
        (0, "OK"),
        (1, "CANCELLED"),
        (14, "UNAVAILABLE"),
        (16, "UNAUTHENTICATED"),
    ] {
        assert_eq!(Code::from_number(number).map(Code::name), Some(name));
    }
    assert_eq!(Code::from_number(17), None);
    assert_eq!(Code::from_number(u32::MAX), None);
}

/// The error for an unknown name quotes the name.
#[test]
fn unknown_name() {
    for text in ["", "CANCELED", "14", " OK", "DEADLINE EXCEEDED"] {
        let error = text.parse::<Code>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{text:?} is not a gRPC status code")),
            "{error}"
        );
    }
}

/// An HTTP status without `grpc-status` maps to the code that the specification lists.
#[test]
fn http_statuses() {
    let check = |status: u16, expected: Code| {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(Code::from_http_status(status), expected, "{status}");
    };
    check(400, Code::Internal);
    check(401, Code::Unauthenticated);
    check(403, Code::PermissionDenied);
    check(404, Code::Unimplemented);
    check(429, Code::Unavailable);
    check(431, Code::Internal);
    check(502, Code::Unavailable);
    check(503, Code::Unavailable);
    check(504, Code::Unavailable);
    for other in [200, 204, 301, 402, 405, 408, 500, 501, 505, 599, 999] {
        check(other, Code::Unknown);
    }
}
