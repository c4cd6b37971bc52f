//! Statuses to and from trailers:
//! [gRPC over HTTP/2, Responses](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).

use http::{HeaderMap, HeaderValue};
use trunkline_status::{Code, Status, decode_message, encode_message};

fn trailers(status: &'static [u8], message: Option<&'static [u8]>) -> HeaderMap {
    let value = |bytes| HeaderValue::from_bytes(bytes).expect("a header value");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", value(status));
    if let Some(message) = message {
        trailers.insert("grpc-message", value(message));
    }
    trailers
}

/// Bytes that are not printable ASCII, and the percent sign, are escaped. Decoding returns the same
/// text.
#[test]
fn message_encoding() {
    let check = |message: &str, expected: &str| {
        let encoded = encode_message(message);
        assert_eq!(encoded, expected);
        assert_eq!(decode_message(&encoded), message);
    };
    check("", "");
    check("plain ~ text!", "plain ~ text!");
    check("100%", "100%25");
    check("%41", "%2541");
    check("a\nb\tc\0", "a%0Ab%09c%00");
    check("\u{7f}", "%7F");
    check("Größe ☃ 😀", "Gr%C3%B6%C3%9Fe %E2%98%83 %F0%9F%98%80");
}

/// A badly encoded message is kept as it arrived.
#[test]
fn bad_message_encoding() {
    let check = |encoded: &'static [u8], expected: &str| {
        let value = HeaderValue::from_bytes(encoded).expect("a header value");
        assert_eq!(decode_message(&value), expected);
    };
    check(b"100%", "100%");
    check(b"%4", "%4");
    check(b"%zz%41", "%zzA");
    check(b"%%41", "%A");
    check(b"%e2%98%83", "\u{2603}");
    check(b"%E2%98", "\u{fffd}");
    check(b"a\xffb", "a\u{fffd}b");
    check("\u{2603}".as_bytes(), "\u{2603}");
}

/// A status that is written to trailers is read back unchanged.
#[test]
fn there_and_back() {
    for number in 0..=16 {
        let code = Code::from_number(number).expect("a code");
        for message in ["", "a text", "50 % of\nall"] {
            let status = Status::new(code, message);
            assert_eq!(Status::from_trailers(&status.to_trailers()), Some(status));
        }
    }
}

/// A status replaces the code and the message of the one before, and no other trailer.
#[test]
fn replacing() {
    let mut map = trailers(b"2", Some(b"old"));
    map.insert("x-trace", HeaderValue::from_static("1"));
    Status::new(Code::Ok, "").add_to_trailers(&mut map);
    assert_eq!(map["grpc-status"], "0");
    assert_eq!(map.get("grpc-message"), None);
    assert_eq!(map["x-trace"], "1");
}

/// A `grpc-status` that is not the number of a code becomes `UNKNOWN` with a message that quotes
/// it.
#[test]
fn bad_status() {
    assert_eq!(Status::from_trailers(&HeaderMap::new()), None);
    for bad in [
        &b"17"[..],
        b"",
        b"-1",
        b"+14",
        b"OK",
        b"1 4",
        b"99999999999999999999",
        b"\xff",
    ] {
        let bad: &'static [u8] = bad;
        let status = Status::from_trailers(&trailers(bad, Some(b"why"))).expect("a status");
        assert_eq!(status.code(), Code::Unknown, "{bad:?}");
        assert!(
            status
                .message()
                .starts_with("the server sent the unknown grpc-status ")
        );
        assert!(status.message().ends_with(": why"));
    }
    assert_eq!(
        Status::from_trailers(&trailers(b"0", None)),
        Some(Status::new(Code::Ok, ""))
    );
}
