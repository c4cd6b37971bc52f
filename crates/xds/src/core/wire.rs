//! The wire format of protobuf, for the messages that are too large to be decoded as a whole.
//!
//! A message in memory takes many times the bytes that it takes on the wire: an empty item of a
//! repeated field is two bytes there. Walking over the fields costs nothing for those that are not
//! read.
//!
//! Source: [protobuf's encoding](https://protobuf.dev/programming-guides/encoding/).

use std::fmt;

use trunkline_lb::protobuf::{Value, take_field};

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
            Value::Varint(_) | Value::I64(_) | Value::I32(_) => Err(Malformed(())),
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
            Value::Bytes(_) | Value::I64(_) | Value::I32(_) => Err(Malformed(())),
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
        let start = self.rest;
        let Some((number, value)) = take_field(&mut self.rest) else {
            self.rest = &[];
            return Some(Err(Malformed(())));
        };
        let whole = &start[..start.len() - self.rest.len()];
        Some(Ok(Field {
            number,
            value,
            whole,
        }))
    }
}
