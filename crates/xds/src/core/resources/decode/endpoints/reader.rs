//! Reads one endpoint from its bytes, without a copy of its texts.
//!
//! Fields that occur again replace or extend the earlier ones, as protobuf requires.

use trunkline_xds_proto::envoy::config::core::v3::HealthStatus;

use super::address::RawAddress;
use super::metadata::RawMetadata;
use crate::core::wire::{Malformed, fields};

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
    pub(super) metadata: RawMetadata<'a>,
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
                3 => raw.metadata.read(field.bytes()?)?,
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
                1 => self.address = RawAddress::read(field.bytes()?, self.address)?,
                3 => self.hostname = field.text()?,
                4 => self.additional.push(read_additional(field.bytes()?)?),
                _ => {}
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
            address = RawAddress::read(field.bytes()?, address)?;
        }
    }
    Ok(address)
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
