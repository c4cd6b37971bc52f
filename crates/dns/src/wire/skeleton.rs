//! The outline of a message: where its records lie, found with bounded work before anything in it
//! is decoded.

use super::compressed;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It ends before what its counts or lengths promise.
    CutOff,
    /// A compression pointer that does not go strictly backwards, or too many in one name.
    Pointer,
    /// A label type that does not exist.
    LabelType,
    /// A name above 255 octets.
    NameTooLong,
    /// Two OPT records, or one whose owner is not the root (RFC 6891 section 6.1.1).
    Opt,
}

impl Malformed {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::CutOff => "it ends too early",
            Self::Pointer => "a compression pointer does not go backwards",
            Self::LabelType => "a label type does not exist",
            Self::NameTooLong => "a name is longer than 255 octets",
            Self::Opt => "its OPT record is not alone or not at the root",
        }
    }
}

/// The outline of a message whose counts and lengths all fit.
///
/// Walking is linear in the length of the message: names are passed over, pointers are checked but
/// not followed. Nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton<'a> {
    message: &'a [u8],
    /// Where the answer section starts, and how many records it has.
    answers: (usize, u16),
    /// The same of the authority section.
    authorities: (usize, u16),
    opt: Option<RecordAt>,
}

/// Where one record lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordAt {
    /// The offset of the owner's name.
    pub(crate) owner: usize,
    pub(crate) code: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// The offset and length of the data.
    pub(crate) data: usize,
    pub(crate) length: u16,
}

impl RecordAt {
    fn read(message: &[u8], at: usize) -> Result<(Self, usize), Malformed> {
        let fixed = compressed::skip(message, at)?;
        let octets = message.get(fixed..fixed + 10).ok_or(Malformed::CutOff)?;
        let two = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        let length = two(8);
        let data = fixed + 10;
        let end = data + usize::from(length);
        if end > message.len() {
            return Err(Malformed::CutOff);
        }
        let record = Self {
            owner: at,
            code: two(0),
            class: two(2),
            ttl: u32::from(two(4)) << 16 | u32::from(two(6)),
            data,
            length,
        };
        Ok((record, end))
    }
}

/// The type of the EDNS pseudo-record (RFC 6891).
const OPT: u16 = 41;

impl<'a> Skeleton<'a> {
    /// Walks over a message.
    ///
    /// # Errors
    ///
    /// When a count, a length or a name does not fit; octets after the last record are let be.
    pub fn walk(message: &'a [u8]) -> Result<Self, Malformed> {
        let header = message.get(..12).ok_or(Malformed::CutOff)?;
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut at = 12;
        for _ in 0..count(4) {
            at = compressed::skip(message, at)? + 4;
            if at > message.len() {
                return Err(Malformed::CutOff);
            }
        }
        let mut opt = None;
        let mut pass = |mut at: usize, count: u16, additional: bool| {
            for _ in 0..count {
                let (record, end) = RecordAt::read(message, at)?;
                if record.code == OPT && additional {
                    if opt.is_some() || message[record.owner] != 0 {
                        return Err(Malformed::Opt);
                    }
                    opt = Some(record);
                }
                at = end;
            }
            Ok(at)
        };
        let answers = (at, count(6));
        let authorities = (pass(at, answers.1, false)?, count(8));
        let additionals = pass(authorities.0, authorities.1, false)?;
        pass(additionals, count(10), true)?;
        Ok(Self {
            message,
            answers,
            authorities,
            opt,
        })
    }

    /// How many records the answer section has.
    #[must_use]
    pub fn answer_count(&self) -> usize {
        usize::from(self.answers.1)
    }

    pub(crate) fn answers(self) -> impl Iterator<Item = RecordAt> {
        self.records(self.answers)
    }

    pub(crate) fn authorities(self) -> impl Iterator<Item = RecordAt> {
        self.records(self.authorities)
    }

    /// The record at an offset that one of these had as its owner's.
    pub(crate) fn record(&self, at: usize) -> Option<RecordAt> {
        RecordAt::read(self.message, at)
            .ok()
            .map(|(record, _)| record)
    }

    pub(crate) fn opt(&self) -> Option<RecordAt> {
        self.opt
    }

    pub(crate) fn message(&self) -> &'a [u8] {
        self.message
    }

    fn records(self, (mut at, count): (usize, u16)) -> impl Iterator<Item = RecordAt> {
        (0..count).map_while(move |_| {
            let (record, end) = RecordAt::read(self.message, at).ok()?;
            at = end;
            Some(record)
        })
    }
}
