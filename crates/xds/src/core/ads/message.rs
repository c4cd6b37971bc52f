//! Reading the messages of a stream.

use std::fmt;

use bytes::Bytes;
use trunkline_xds_proto::envoy::service::discovery::v3::{
    DiscoveryResponse, ResourceError, ResourceName,
};
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::google::rpc;

use crate::core::wire::{Malformed, fields};

/// The most resources and errors of one response, together. An empty one is two bytes of the message,
/// and many times that in memory.
const MOST_ITEMS: usize = 200_000;

/// A message of a stream is no response.
///
/// `Display` prints why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// It is no message of that type.
    Malformed,
    /// It has more than 200,000 resources and errors.
    TooManyItems,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed DiscoveryResponse"),
            Self::TooManyItems => write!(
                f,
                "a DiscoveryResponse with more than {MOST_ITEMS} resources and errors"
            ),
        }
    }
}

impl std::error::Error for ResponseError {}

impl From<Malformed> for ResponseError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Reads a response. Its resources share the memory of `message`; the details of its errors are left
/// out.
///
/// # Errors
///
/// When `message` is no response, or has more than 200,000 resources and errors.
pub fn read_response(message: &Bytes) -> Result<DiscoveryResponse, ResponseError> {
    let mut response = DiscoveryResponse::default();
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => field.text()?.clone_into(&mut response.version_info),
            2 => response.resources.push(any(message, field.bytes()?)?),
            4 => field.text()?.clone_into(&mut response.type_url),
            5 => field.text()?.clone_into(&mut response.nonce),
            7 => response.resource_errors.push(error(field.bytes()?)?),
            _ => {}
        }
        if response.resources.len() + response.resource_errors.len() > MOST_ITEMS {
            return Err(ResponseError::TooManyItems);
        }
    }
    Ok(response)
}

fn any(message: &Bytes, bytes: &[u8]) -> Result<Any, Malformed> {
    let mut any = Any::default();
    for field in fields(bytes) {
        let field = field?;
        match field.number {
            1 => field.text()?.clone_into(&mut any.type_url),
            2 => any.value = message.slice_ref(field.bytes()?),
            _ => {}
        }
    }
    Ok(any)
}

fn error(bytes: &[u8]) -> Result<ResourceError, Malformed> {
    let mut error = ResourceError::default();
    for field in fields(bytes) {
        let field = field?;
        match field.number {
            1 => name(
                field.bytes()?,
                error
                    .resource_name
                    .get_or_insert_with(ResourceName::default),
            )?,
            2 => status(
                field.bytes()?,
                error.error_detail.get_or_insert_with(rpc::Status::default),
            )?,
            _ => {}
        }
    }
    Ok(error)
}

fn name(bytes: &[u8], name: &mut ResourceName) -> Result<(), Malformed> {
    for field in fields(bytes) {
        let field = field?;
        if field.number == 1 {
            field.text()?.clone_into(&mut name.name);
        }
    }
    Ok(())
}

fn status(bytes: &[u8], status: &mut rpc::Status) -> Result<(), Malformed> {
    for field in fields(bytes) {
        let field = field?;
        match field.number {
            // As protobuf has it: a number of 64 bits is cut to 32.
            1 => status.code = field.varint()? as i32,
            2 => field.text()?.clone_into(&mut status.message),
            _ => {}
        }
    }
    Ok(())
}
