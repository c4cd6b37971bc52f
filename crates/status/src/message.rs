//! The percent-encoding of `grpc-message`.

use http::HeaderValue;

/// Encodes a message for the header `grpc-message`. Bytes outside of `%x20-7E`, and `%` itself,
/// become `%HH` with capital digits.
///
/// Source: [gRPC over HTTP/2, Responses](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).
#[must_use]
pub fn encode_message(message: &str) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(byte),
            _ => encoded.extend([
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
    // Cannot fail: each byte is printable ASCII.
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Decodes the header `grpc-message`.
///
/// Never fails: a `%` that begins no valid escape is kept, and invalid UTF-8 becomes U+FFFD.
#[must_use]
pub fn decode_message(value: &HeaderValue) -> String {
    let encoded = value.as_bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, tail @ ..] = rest {
        let escape = match tail {
            [high, low, after @ ..] if *byte == b'%' => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((*byte, tail));
        decoded.push(byte);
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
