//! Messages with one large field, which is read on its own.
//!
//! A message in memory takes many times the bytes that it takes on the wire. So the items of a long list
//! are decoded one at a time.

use prost::Message;
use prost::bytes::Bytes;

use crate::core::wire::{Malformed, fields};

/// A message without one of its fields, and the values of that field.
pub(super) struct Split<'a, M> {
    /// The message without the field.
    pub(super) message: M,
    /// The values of the field, in order.
    pub(super) values: Vec<&'a [u8]>,
}

/// Decodes a message without the field with this number, which is a message.
///
/// # Errors
///
/// Why that is no such message, for people.
pub(super) fn split<M: Message + Default>(
    bytes: &[u8],
    number: u64,
) -> Result<Split<'_, M>, String> {
    let malformed = |error: Malformed| error.to_string();
    let mut rest = Vec::new();
    let mut values = Vec::new();
    for field in fields(bytes) {
        let field = field.map_err(malformed)?;
        if field.number == number {
            values.push(field.bytes().map_err(malformed)?);
        } else {
            rest.extend_from_slice(field.whole);
        }
    }
    let message = M::decode(Bytes::from(rest)).map_err(|error| error.to_string())?;
    Ok(Split { message, values })
}
