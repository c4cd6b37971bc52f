//! The wire format of protobuf, for the messages that are too large to be decoded as a whole.
//!
//! A message in memory takes many times the bytes that it takes on the wire: an empty item of a
//! repeated field is two bytes there. Walking over the fields costs nothing for those that are not
//! read.
//!
//! Source: [protobuf's encoding](https://protobuf.dev/programming-guides/encoding/).

use std::fmt;

// The wire types.
const WIRE_VARINT: u64 = 0;
const WIRE_I64: u64 = 1;
const WIRE_LEN: u64 = 2;
const WIRE_I32: u64 = 5;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// An integer, a boolean or an enum.
    Varint(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// A number of four or eight bytes, which no message here has.
    Fixed,
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its number.
    pub(crate) number: u64,
    /// Its value.
    pub(crate) value: Value<'a>,
    /// All of its bytes, the number included.
    pub(crate) whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// Returns the value of a string, bytes or a message.
    ///
    /// # Errors
    ///
    /// When it is a number.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed => Err(Malformed(())),
        }
    }

    /// Returns the value of a string.
    ///
    /// # Errors
    ///
    /// When it is a number, or not UTF-8.
    pub(crate) fn text(&self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.bytes()?).map_err(|_| Malformed(()))
    }

    /// Returns the value of an integer, a boolean or an enum.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    pub(crate) fn varint(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(number) => Ok(number),
            Value::Bytes(_) | Value::Fixed => Err(Malformed(())),
        }
    }
}

/// Bytes are no message. The groups of old versions of protobuf count as malformed: no message of xDS
/// has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(());

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed protobuf message")
    }
}

/// Returns the fields of a message, in the order of its bytes. Ends after the first error.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// The fields of a message.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = take_field(&mut self.rest);
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed(())))
    }
}

/// Removes a field from the front.
fn take_field<'a>(from: &mut &'a [u8]) -> Option<Field<'a>> {
    let start = *from;
    let key = take_varint(from)?;
    let value = match key & 7 {
        WIRE_VARINT => Value::Varint(take_varint(from)?),
        WIRE_I64 => take(from, 8).map(|_| Value::Fixed)?,
        WIRE_LEN => {
            let length = usize::try_from(take_varint(from)?).ok()?;
            Value::Bytes(take(from, length)?)
        }
        WIRE_I32 => take(from, 4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    // Numbers begin at 1.
    (key >> 3 > 0).then_some(Field {
        number: key >> 3,
        value,
        whole: &start[..start.len() - from.len()],
    })
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

/// Removes a varint; `None` if it is cut off or longer than 64 bits.
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
