//! The metadata of calls, as `-H` gives it.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tonic::metadata::{
    AsciiMetadataValue, Binary, BinaryMetadataValue, MetadataKey, MetadataMap, MetadataValue,
};

use crate::failure::Failure;

/// The headers that belong to HTTP/2 or to gRPC: metadata cannot have them.
///
/// Source: [RFC 9113 section 8.2.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2) and
/// [gRPC over HTTP/2, Requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const RESERVED: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The end of a key whose value is bytes.
const BINARY_SUFFIX: &str = "-bin";

/// Base64 with or without padding, as gRPC accepts it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Parses metadata from texts such as `authorization: Bearer TOKEN`.
///
/// A text may be a secret, so an error has its key and never its value.
pub(crate) fn parse(texts: &[String]) -> Result<MetadataMap, Failure> {
    let mut metadata = MetadataMap::new();
    for text in texts {
        add(&mut metadata, text).map_err(|reason| {
            Failure::unusable("invalid_header", format!("-H cannot be used: {reason}")).suggest(
                Some("give a key and a value, such as -H 'authorization: Bearer TOKEN'"),
            )
        })?;
    }
    Ok(metadata)
}

fn add(metadata: &mut MetadataMap, text: &str) -> Result<(), String> {
    let (key, value) = text
        .split_once(':')
        .ok_or("it has no colon after its key")?;
    let key = key.trim().to_ascii_lowercase();
    let value = value.trim();
    check_key(&key)?;
    let unusable = |_| format!("{key:?} cannot be the key of metadata");
    if key.ends_with(BINARY_SUFFIX) {
        let bytes = BASE64.decode(value);
        let bytes =
            bytes.map_err(|error| format!("the value of {key:?} is not base64: {error}"))?;
        let key = key.parse::<MetadataKey<Binary>>().map_err(unusable)?;
        metadata.append_bin(key, BinaryMetadataValue::from_bytes(&bytes));
        return Ok(());
    }
    // Source: gRPC over HTTP/2, ASCII-Value.
    if let Some(at) = value.find(|c| !matches!(c, ' '..='~')) {
        return Err(format!(
            "the value of {key:?} has a character at {at} that is not printable ASCII: a key that ends \
             in -bin takes any bytes, as base64"
        ));
    }
    let value: AsciiMetadataValue = MetadataValue::try_from(value)
        .map_err(|_| format!("the value of {key:?} cannot be sent"))?;
    metadata.append(key.parse::<MetadataKey<_>>().map_err(unusable)?, value);
    Ok(())
}

/// Checks that metadata can have this key, in lower case.
///
/// Source: [gRPC over HTTP/2, Custom-Metadata](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("it has no key".to_owned());
    }
    let is_allowed = |c| matches!(c, '0'..='9' | 'a'..='z' | '_' | '-' | '.');
    if !key.chars().all(is_allowed) {
        return Err(format!(
            "the key {key:?} has a character that is none of letters, digits, `_`, `-` and `.`"
        ));
    }
    if key.starts_with("grpc-") {
        return Err(format!(
            "the key {key:?} begins with `grpc-`, which is reserved for gRPC itself"
        ));
    }
    if RESERVED.contains(&key) {
        return Err(format!("the header {key:?} belongs to HTTP/2 or to gRPC"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Result<Vec<(String, String)>, String> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        let metadata = parse(&texts).map_err(|failure| {
            assert_eq!(failure.exit_status(), 2);
            failure.to_string()
        })?;
        let pairs = metadata.into_headers();
        let pairs = pairs.iter().map(|(key, value)| {
            let value = value.to_str().expect("ASCII").to_owned();
            (key.to_string(), value)
        });
        Ok(pairs.collect())
    }

    /// Keys get lower case, spaces around a value do not count, and a key may occur twice.
    #[test]
    fn metadata_that_can_be_sent() {
        for (texts, expected) in [
            (
                &["a: 1", "a:2", "A:  3 "][..],
                &[("a", "1"), ("a", "2"), ("a", "3")][..],
            ),
            (&["x-y_z.0: a: b"], &[("x-y_z.0", "a: b")]),
            (&["empty:"], &[("empty", "")]),
            // With and without padding; the value is sent without.
            (
                &["k-bin: AAE=", "k-bin: AAE"],
                &[("k-bin", "AAE"), ("k-bin", "AAE")],
            ),
            (&["user-agent: mine"], &[("user-agent", "mine")]),
        ] {
            let pairs = parsed(texts).expect("metadata");
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            assert_eq!(pairs, expected);
        }
    }

    /// What cannot be sent is refused. The error has the key and never the value.
    #[test]
    fn metadata_that_cannot_be_sent() {
        for (text, expected) in [
            ("secret", "it has no colon after its key"),
            (": secret", "it has no key"),
            (":path: secret", "it has no key"),
            (
                "a b: secret",
                "the key \"a b\" has a character that is none of letters, digits, `_`, `-` and `.`",
            ),
            (
                "grpc-timeout: secret",
                "the key \"grpc-timeout\" begins with `grpc-`, which is reserved for gRPC itself",
            ),
            (
                "TE: secret",
                "the header \"te\" belongs to HTTP/2 or to gRPC",
            ),
            (
                "k-bin: secret!",
                "the value of \"k-bin\" is not base64: Invalid symbol 33, offset 6.",
            ),
            (
                "k: secr\u{e9}t",
                "the value of \"k\" has a character at 4 that is not printable ASCII: a key that ends in \
                 -bin takes any bytes, as base64",
            ),
        ] {
            let expected = format!("-H cannot be used: {expected}");
            assert_eq!(parsed(&[text]), Err(expected), "{text}");
        }
    }
}
