//! Reads one endpoint from its bytes, without a copy of its texts.
//!
//! Fields that occur again replace or extend the earlier ones, as protobuf requires.

use trunkline_xds_proto::envoy::config::core::v3::HealthStatus;

use crate::core::wire::{Malformed, fields};

/// The key of the metadata with what load balancing reads of endpoints.
///
/// Source: [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md).
const LB_METADATA: &str = "envoy.lb";

/// The field of that metadata with the hash key.
const HASH_KEY: &str = "hash_key";

/// A message `LbEndpoint`.
#[derive(Debug, Default)]
pub(super) struct RawEndpoint<'a> {
    /// Whether it has an endpoint of its own.
    pub(super) has_endpoint: bool,
    /// Whether it is only named: the endpoint is elsewhere.
    pub(super) is_named: bool,
    /// The address, if it is one of TCP.
    pub(super) address: Option<RawAddress<'a>>,
    /// The additional addresses, in order; `None` for one that is not of TCP.
    pub(super) additional: Vec<Option<RawAddress<'a>>>,
    /// The host name; empty for none.
    pub(super) hostname: &'a str,
    health: i32,
    /// The weight, if it is set.
    pub(super) weight: Option<u32>,
    /// The hash key; empty for none.
    pub(super) hash_key: &'a str,
}

/// A message `SocketAddress`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawAddress<'a> {
    pub(super) host: &'a str,
    /// The port, if it is a number.
    pub(super) port: Option<u32>,
}

impl<'a> RawEndpoint<'a> {
    /// Reads a message `LbEndpoint`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut raw = Self::default();
        for field in fields(bytes) {
            let field = field?;
            match field.number {
                1 => raw.read_endpoint(field.bytes()?)?,
                // Enums and integers of 32 bits are what fits of a varint.
                2 => raw.health = field.varint()? as i32,
                3 => raw.read_metadata(field.bytes()?)?,
                4 => raw.weight = read_uint32_value(field.bytes()?, raw.weight)?,
                5 => raw.is_named = true,
                _ => {}
            }
        }
        Ok(raw)
    }

    /// Returns whether the endpoint can be used, as far as the control plane knows.
    pub(super) fn is_healthy(&self) -> bool {
        let status = HealthStatus::try_from(self.health);
        matches!(status, Ok(HealthStatus::Unknown | HealthStatus::Healthy))
    }

    /// Reads a message `Endpoint`.
    fn read_endpoint(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        self.has_endpoint = true;
        for field in fields(bytes) {
            let field = field?;
            match field.number {
                1 => self.address = read_address(field.bytes()?, self.address)?,
                3 => self.hostname = field.text()?,
                4 => self.additional.push(read_additional(field.bytes()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a message `Metadata`, as far as its structs.
    fn read_metadata(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        for field in fields(bytes) {
            let field = field?;
            if field.number != 1 {
                continue;
            }
            let (name, metadata) = read_entry(field.bytes()?)?;
            if name != LB_METADATA {
                continue;
            }
            // The last entry with a key replaces the earlier ones.
            self.hash_key = "";
            for field in fields(metadata) {
                let field = field?;
                if field.number != 1 {
                    continue;
                }
                let (name, value) = read_entry(field.bytes()?)?;
                if name == HASH_KEY {
                    self.hash_key = read_string_value(value)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a message `AdditionalAddress`.
fn read_additional(bytes: &[u8]) -> Result<Option<RawAddress<'_>>, Malformed> {
    let mut address = None;
    for field in fields(bytes) {
        let field = field?;
        if field.number == 1 {
            address = read_address(field.bytes()?, address)?;
        }
    }
    Ok(address)
}

/// Reads a message `Address` into an earlier one.
fn read_address<'a>(
    bytes: &'a [u8],
    mut address: Option<RawAddress<'a>>,
) -> Result<Option<RawAddress<'a>>, Malformed> {
    for field in fields(bytes) {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        let socket = address.get_or_insert_default();
        for field in fields(field.bytes()?) {
            let field = field?;
            match field.number {
                2 => socket.host = field.text()?,
                3 => socket.port = Some(field.varint()? as u32),
                // A named port, in place of a number.
                4 => socket.port = None,
                _ => {}
            }
        }
    }
    Ok(address)
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

/// Reads a message `google.protobuf.UInt32Value` into an earlier one.
fn read_uint32_value(bytes: &[u8], earlier: Option<u32>) -> Result<Option<u32>, Malformed> {
    let mut number = earlier.unwrap_or_default();
    for field in fields(bytes) {
        let field = field?;
        if field.number == 1 {
            number = field.varint()? as u32;
        }
    }
    Ok(Some(number))
}
