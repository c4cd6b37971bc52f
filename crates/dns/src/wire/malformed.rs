//! Defects of a message.

/// The defect for which a message is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The message ends before the end that its counts or lengths give.
    CutOff,
    /// A compression pointer that does not go strictly backwards, or too many pointers in one name.
    Pointer,
    /// A label type that does not exist.
    LabelType,
    /// A name of more than 255 bytes.
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
            Self::NameTooLong => "a name is longer than 255 bytes",
            Self::Opt => "its OPT record is not alone or not at the root",
        }
    }
}
