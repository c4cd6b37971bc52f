//! The percent-encoding of `grpc-message`.

use http::HeaderValue;

/// Encodes a message for the header `grpc-message`: octets outside of `%x20-7E`, and `%` itself,
/// as `%HH` in capitals.
///
/// Source: [gRPC over HTTP/2, Responses](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).
#[must_use]
pub fn encode_message(message: &str) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(message.len());
    for octet in message.bytes() {
        match octet {
            b' '..=b'~' if octet != b'%' => encoded.push(octet),
            _ => encoded.extend([
                b'%',
                HEX[usize::from(octet >> 4)],
                HEX[usize::from(octet & 15)],
            ]),
        }
    }
    // Cannot fail: every octet is printable now.
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Decodes the header `grpc-message`. Never fails: what is not an escape stays as it is, and what
/// is not UTF-8 becomes U+FFFD.
#[must_use]
pub fn decode_message(value: &HeaderValue) -> String {
    let encoded = value.as_bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [octet, tail @ ..] = rest {
        let escape = match tail {
            [high, low, after @ ..] if *octet == b'%' => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (octet, after) = escape.unwrap_or((*octet, tail));
        decoded.push(octet);
        rest = after;
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
