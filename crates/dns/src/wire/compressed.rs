//! Names in a message, which may be compressed (RFC 1035 section 4.1.4).
//!
//! The mistakes that RFC 9267 lists are refused: pointers that do not go strictly backwards or
//! point into the header, names of more than 255 bytes, label types that do not exist. A name of
//! 255 bytes has at most 127 labels, so at most 127 pointers are followed.

use super::codes::HEADER;
use super::malformed::Malformed;
use crate::Name;
use crate::name::{MAX_LABEL, MAX_WIRE};

/// The first byte of a compression pointer is at least this, and its other six bits are the high
/// bits of the offset (RFC 1035 section 4.1.4).
pub(super) const POINTER: u8 = 0b1100_0000;
/// The maximum number of pointers that are followed in one name.
const MAX_HOPS: usize = 127;

/// Returns the offset after the name at `at`, without following a pointer.
pub(super) fn skip(message: &[u8], at: usize) -> Result<usize, Malformed> {
    let mut next = at;
    loop {
        let &length = message.get(next).ok_or(Malformed::CutOff)?;
        match length {
            0 => return Ok(next + 1),
            1..=MAX_LABEL => next += 1 + usize::from(length),
            POINTER.. => {
                let &low = message.get(next + 1).ok_or(Malformed::CutOff)?;
                let target = usize::from(length & !POINTER) << 8 | usize::from(low);
                if target < HEADER || target >= at {
                    return Err(Malformed::Pointer);
                }
                return Ok(next + 2);
            }
            _ => return Err(Malformed::LabelType),
        }
        if next - at >= MAX_WIRE {
            return Err(Malformed::NameTooLong);
        }
    }
}

/// An iterator over the labels of a name, which follows pointers.
pub(super) struct Labels<'a> {
    message: &'a [u8],
    next: usize,
    /// Pointers must point before this offset: the start of the labels that are being read.
    bound: usize,
    hops: usize,
    /// Bytes of the name so far, including the root label.
    size: usize,
    done: bool,
}

impl<'a> Labels<'a> {
    pub(super) fn new(message: &'a [u8], at: usize) -> Self {
        Self {
            message,
            next: at,
            bound: at,
            hops: 0,
            size: 1,
            done: false,
        }
    }

    fn step(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            let &length = self.message.get(self.next).ok_or(Malformed::CutOff)?;
            match length {
                0 => return Ok(None),
                1..=MAX_LABEL => {
                    let start = self.next + 1;
                    let end = start + usize::from(length);
                    let label = self.message.get(start..end).ok_or(Malformed::CutOff)?;
                    self.next = end;
                    self.size += 1 + label.len();
                    if self.size > MAX_WIRE {
                        return Err(Malformed::NameTooLong);
                    }
                    return Ok(Some(label));
                }
                POINTER.. => {
                    let &low = self.message.get(self.next + 1).ok_or(Malformed::CutOff)?;
                    let target = usize::from(length & !POINTER) << 8 | usize::from(low);
                    self.hops += 1;
                    if target < HEADER || target >= self.bound || self.hops > MAX_HOPS {
                        return Err(Malformed::Pointer);
                    }
                    self.next = target;
                    self.bound = target;
                }
                _ => return Err(Malformed::LabelType),
            }
        }
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        self.done = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// Returns whether the name at `at` is `name`, in any letter case; false for a name that cannot be
/// read.
pub(super) fn equals(message: &[u8], at: usize, name: &Name) -> bool {
    let mut labels = name.labels();
    for label in Labels::new(message, at) {
        match (label, labels.next()) {
            (Ok(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
            _ => return false,
        }
    }
    labels.next().is_none()
}

/// Checks the whole name at `at`; returns the offset after it.
pub(super) fn check(message: &[u8], at: usize) -> Result<usize, Malformed> {
    let end = skip(message, at)?;
    Labels::new(message, at).try_for_each(|label| label.map(drop))?;
    Ok(end)
}

/// Returns the bytes of the name at `at` without its root label, as far as it can be read.
pub(super) fn length(message: &[u8], at: usize) -> usize {
    let labels = Labels::new(message, at).map_while(Result::ok);
    labels.map(|label| 1 + label.len()).sum()
}

/// Returns the name at `at` and the offset after it.
pub(super) fn read(message: &[u8], at: usize) -> Result<(Name, usize), Malformed> {
    let end = skip(message, at)?;
    let labels = Labels::new(message, at).collect::<Result<Vec<_>, _>>()?;
    let name = Name::from_labels(labels).ok_or(Malformed::NameTooLong)?;
    Ok((name, end))
}
