//! The outline of a message: the offsets of its records, found with bounded work before anything is
//! decoded.

use super::codes::{HEADER, OPT, QUESTION, RECORD};
use super::compressed;
use super::malformed::Malformed;

/// The outline of a message whose counts and lengths all fit.
///
/// The walk takes time linear in the length of the message: names are skipped, pointers are checked
/// but not followed. It allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Skeleton<'a> {
    message: &'a [u8],
    /// The offset of the answer section, and the number of its records.
    answers: (usize, u16),
    /// The offset of the authority section, and the number of its records.
    authorities: (usize, u16),
    opt: Option<RecordAt>,
}

/// The position of one record, and its fixed part.
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
        let bytes = message
            .get(fixed..fixed + RECORD)
            .ok_or(Malformed::CutOff)?;
        let two = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let length = two(8);
        let data = fixed + RECORD;
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

impl<'a> Skeleton<'a> {
    /// Walks over a message and returns its outline.
    ///
    /// # Errors
    ///
    /// A count, a length or a name that does not fit. Bytes after the last record are ignored.
    pub fn walk(message: &'a [u8]) -> Result<Self, Malformed> {
        let header = message.get(..HEADER).ok_or(Malformed::CutOff)?;
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut at = HEADER;
        for _ in 0..count(4) {
            at = compressed::skip(message, at)? + QUESTION;
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

    /// Returns the number of records in the answer section.
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

    /// Returns the record at the [`owner`](RecordAt::owner) offset of a record of this message.
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
