//! Reads the metadata of endpoints and localities, as far as it concerns their use.

use trunkline_xds_proto::type_url;

use super::address::RawAddress;
use crate::core::wire::{Malformed, fields};

/// The key of the metadata with what load balancing reads.
///
/// Source: [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md).
const LB: &str = "envoy.lb";

/// The field of that metadata with the hash key.
const HASH_KEY: &str = "hash_key";

/// The key of the typed metadata with the address of a proxy.
///
/// Source: [gRFC A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md).
pub(super) const PROXY: &str = "envoy.http11_proxy_transport_socket.proxy_address";

/// A message `Metadata`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawMetadata<'a> {
    /// The hash key; empty for none.
    pub(super) hash_key: &'a str,
    /// The address of the proxy, if there is one. `Some(None)` for an address that is not one of TCP.
    pub(super) proxy: Option<Option<RawAddress<'a>>>,
}

impl<'a> RawMetadata<'a> {
    /// Reads a message into this one.
    pub(super) fn read(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        for field in fields(bytes) {
            let field = field?;
            // The last entry with a key replaces the earlier ones.
            match field.number {
                1 => {
                    let (name, metadata) = read_entry(field.bytes()?)?;
                    if name == LB {
                        self.hash_key = read_hash_key(metadata)?;
                    }
                }
                2 => {
                    let (name, metadata) = read_entry(field.bytes()?)?;
                    if name == PROXY {
                        self.proxy = read_any_address(metadata)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads the hash key of a message `google.protobuf.Struct`.
fn read_hash_key(bytes: &[u8]) -> Result<&str, Malformed> {
    let mut key = "";
    for field in fields(bytes) {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        let (name, value) = read_entry(field.bytes()?)?;
        if name == HASH_KEY {
            key = read_string_value(value)?;
        }
    }
    Ok(key)
}

/// Reads the address in a message `google.protobuf.Any`; `None` if it is of another type.
fn read_any_address(bytes: &[u8]) -> Result<Option<Option<RawAddress<'_>>>, Malformed> {
    // The type and the value have the numbers of the key and the value of an entry.
    let (type_url, value) = read_entry(bytes)?;
    if type_url != type_url::ADDRESS {
        return Ok(None);
    }
    RawAddress::read(value, None).map(Some)
}

/// Reads an entry of a map from texts to messages: the key, and the bytes of the message.
fn read_entry(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut key, mut value) = ("", &[][..]);
    for field in fields(bytes) {
        let field = field?;
        match field.number {
            1 => key = field.text()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Reads a message `google.protobuf.Value`: its text, or the empty one if it is of another kind.
fn read_string_value(bytes: &[u8]) -> Result<&str, Malformed> {
    let mut text = "";
    for field in fields(bytes) {
        let field = field?;
        // The kinds are 1 to 6, and the last one counts.
        text = if field.number == 3 { field.text()? } else { "" };
    }
    Ok(text)
}
