//! The wire format of protobuf, as far as the few messages of policies need it.
//!
//! Public for the other crates of this workspace, without a promise of a stable API.
//!
//! Source: [protobuf's encoding](https://protobuf.dev/programming-guides/encoding/).

use bytes::BufMut;

// The wire types.
const WIRE_VARINT: u64 = 0;
const WIRE_I64: u64 = 1;
const WIRE_LEN: u64 = 2;
const WIRE_I32: u64 = 5;

/// The value of a field, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, a boolean or an enum.
    Varint(u64),
    /// Eight bytes: a `fixed64`, or the bits of a `double`.
    I64(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// Four bytes: a `fixed32`, or the bits of a `float`.
    I32(u32),
}

/// Removes a field from the front of `from`, which is not empty. Returns its number and its value;
/// `None` if the message is malformed. The deprecated groups count as malformed.
#[must_use]
pub fn take_field<'a>(from: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = take_varint(from)?;
    let value = match key & 7 {
        WIRE_VARINT => Value::Varint(take_varint(from)?),
        WIRE_I64 => Value::I64(u64::from_le_bytes(take_array(from)?)),
        WIRE_LEN => {
            let length = usize::try_from(take_varint(from)?).ok()?;
            let (bytes, rest) = from.split_at_checked(length)?;
            *from = rest;
            Value::Bytes(bytes)
        }
        WIRE_I32 => Value::I32(u32::from_le_bytes(take_array(from)?)),
        _ => return None,
    };
    // Field numbers begin at 1.
    (key >> 3 > 0).then_some((key >> 3, value))
}

fn take_array<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (&bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(bytes)
}

/// Removes a varint from the front; `None` if it is cut off or longer than 64 bits.
fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Appends a field with an integer, unless it is 0, which proto3 leaves out.
pub(crate) fn put_varint(to: &mut Vec<u8>, field: u64, number: u64) {
    if number != 0 {
        put_raw_varint(to, field << 3 | WIRE_VARINT);
        put_raw_varint(to, number);
    }
}

/// Appends a field with a `double`, unless it is 0, which proto3 leaves out.
pub(crate) fn put_double(to: &mut Vec<u8>, field: u64, number: f64) {
    if number.to_bits() != 0 {
        put_raw_varint(to, field << 3 | WIRE_I64);
        to.put_u64_le(number.to_bits());
    }
}

/// Appends a field with a string or a message, also if it is empty.
pub(crate) fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_raw_varint(to, field << 3 | WIRE_LEN);
    put_raw_varint(to, bytes.len() as u64);
    to.put_slice(bytes);
}

fn put_raw_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    to.put_u8(number as u8);
}
