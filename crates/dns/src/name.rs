//! Domain names.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The longest name on the wire, its root label included (RFC 1035 section 2.3.4).
pub(crate) const MAX_WIRE: usize = 255;
/// The longest name as text, without a dot at the end: it follows from [`MAX_WIRE`].
pub(crate) const MAX_TEXT: usize = 253;
/// The longest label (RFC 1035 section 2.3.4).
pub(crate) const MAX_LABEL: u8 = 63;

/// A domain name, absolute (`orders.prod.`) or relative (`orders`).
///
/// It keeps the letter case that it was written with; comparing, ordering and hashing ignore the
/// case of ASCII letters ([RFC 4343](https://www.rfc-editor.org/rfc/rfc4343)).
///
/// ```text
/// orders.prod.svc.cluster.local.     absolute: the search list is not used
/// orders.prod                        relative
/// ```
///
/// [`Name::parse`] takes only letters, digits, `-` and `_`: what a host or service name is made of.
/// A name from the network may have any bytes. Printing escapes the bytes that are not printable, a
/// dot within a label, and a backslash (`\.`, `\000`), so that a hostile name cannot forge a log
/// line or another name.
#[derive(Clone)]
pub struct Name {
    /// The labels, each after its length, without the root label: below 255 bytes.
    labels: Box<[u8]>,
    absolute: bool,
}

impl Name {
    /// Parses a host or service name.
    ///
    /// # Errors
    ///
    /// An empty name or label, a label of more than 63 bytes, a name of more than 253 characters,
    /// or a character that no host name has; the error has its offset.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_dns::Name;
    ///
    /// let name = Name::parse("_grpc._tcp.orders.Prod.")?;
    /// assert!(name.is_absolute());
    /// assert_eq!(name, Name::parse("_grpc._tcp.ORDERS.prod.")?);
    /// assert_eq!(Name::parse("a..b").unwrap_err().at(), 2);
    /// # Ok::<(), trunkline_dns::NameError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::new(NameErrorKind::Empty, 0));
        }
        if text == "." {
            return Ok(Self::root());
        }
        let (body, absolute) = match text.strip_suffix('.') {
            Some(body) => (body, true),
            None => (text, false),
        };
        let mut labels = Vec::with_capacity(body.len() + 1);
        let mut at = 0;
        for label in body.split('.') {
            if label.is_empty() {
                return Err(NameError::new(NameErrorKind::EmptyLabel, at));
            }
            for (offset, c) in label.char_indices() {
                if !c.is_ascii_alphanumeric() && c != '-' && c != '_' {
                    return Err(NameError::new(NameErrorKind::Character(c), at + offset));
                }
            }
            let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
            if length > MAX_LABEL {
                return Err(NameError::new(NameErrorKind::LabelTooLong, at));
            }
            labels.push(length);
            labels.extend_from_slice(label.as_bytes());
            at += label.len() + 1;
        }
        if labels.len() + 1 > MAX_WIRE {
            return Err(NameError::new(NameErrorKind::TooLong, 0));
        }
        Ok(Self {
            labels: labels.into(),
            absolute,
        })
    }

    /// Returns the root, which prints as `.`.
    #[must_use]
    pub fn root() -> Self {
        Self {
            labels: Box::default(),
            absolute: true,
        }
    }

    /// Returns an absolute name from labels of any bytes; `None` where a label is empty or too
    /// long, or the name is too long.
    #[must_use]
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut wire = Vec::with_capacity(32);
        for label in labels {
            if label.is_empty() || label.len() > usize::from(MAX_LABEL) {
                return None;
            }
            wire.push(u8::try_from(label.len()).ok()?);
            wire.extend_from_slice(label);
            if wire.len() + 1 > MAX_WIRE {
                return None;
            }
        }
        Some(Self {
            labels: wire.into(),
            absolute: true,
        })
    }

    /// Returns whether the name ends at the root, so that no search list applies to it.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.absolute
    }

    /// Returns whether this is the root itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the labels, the most specific first.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.labels;
        std::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            Some(label)
        })
    }

    /// Returns the number of dots between the labels, which is compared to `ndots`.
    #[must_use]
    pub fn dots(&self) -> usize {
        self.labels().count().saturating_sub(1)
    }

    /// Returns the same name, ended at the root.
    #[must_use]
    pub fn to_absolute(&self) -> Self {
        Self {
            labels: self.labels.clone(),
            absolute: true,
        }
    }

    /// Returns this name within `suffix`, absolute; `None` where the two together are too long.
    #[must_use]
    pub fn within(&self, suffix: &Self) -> Option<Self> {
        let mut labels = Vec::with_capacity(self.labels.len() + suffix.labels.len());
        labels.extend_from_slice(&self.labels);
        labels.extend_from_slice(&suffix.labels);
        (labels.len() < MAX_WIRE).then(|| Self {
            labels: labels.into(),
            absolute: true,
        })
    }

    /// Returns whether this name is `suffix` or below it (both taken as absolute).
    #[must_use]
    pub fn is_within(&self, suffix: &Self) -> bool {
        let (length, of_suffix) = (self.labels().count(), suffix.labels().count());
        let Some(skip) = length.checked_sub(of_suffix) else {
            return false;
        };
        self.labels()
            .skip(skip)
            .zip(suffix.labels())
            .all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    /// Returns the labels, each after its length, without the root label.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.labels
    }

    /// Returns the same name: a letter is in upper case where the byte at its index in `flips` is
    /// odd, else in lower case.
    pub(crate) fn with_case(&self, flips: &[u8]) -> Self {
        let mut labels = self.labels.clone();
        for (byte, flip) in labels.iter_mut().zip(flips) {
            if byte.is_ascii_alphabetic() {
                *byte = match flip & 1 {
                    0 => byte.to_ascii_lowercase(),
                    _ => byte.to_ascii_uppercase(),
                };
            }
        }
        Self {
            labels,
            absolute: self.absolute,
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        if self.absolute {
            f.write_str(".")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

// The byte of a length is below 64 and so never a letter: lengths and letters compare alike.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.absolute == other.absolute && self.labels.eq_ignore_ascii_case(&other.labels)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.labels.iter(), other.labels.iter());
        a.map(u8::to_ascii_lowercase)
            .cmp(b.map(u8::to_ascii_lowercase))
            .then(self.absolute.cmp(&other.absolute))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.labels.to_ascii_lowercase().hash(state);
        self.absolute.hash(state);
    }
}

/// Why a text is not a domain name, and at which offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    kind: NameErrorKind,
    at: usize,
}

/// The defect of the text of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameErrorKind {
    /// The text is empty.
    Empty,
    /// Two dots in a row, or one at the start.
    EmptyLabel,
    /// A label of more than 63 bytes.
    LabelTooLong,
    /// More than 253 characters, not counting a dot at the end.
    TooLong,
    /// A character that no host name has.
    Character(char),
    /// The last label is a number, so the text is probably a mistyped IPv4 address. No such name
    /// exists, and a query would only reveal the text to a server.
    NumericEnd,
}

impl NameError {
    pub(crate) fn new(kind: NameErrorKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// Returns the defect.
    #[must_use]
    pub fn kind(&self) -> NameErrorKind {
        self.kind
    }

    /// Returns the byte offset of the defect in the text.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            NameErrorKind::Empty => f.write_str("the name is empty"),
            NameErrorKind::EmptyLabel => write!(f, "empty label at offset {at}"),
            NameErrorKind::LabelTooLong => {
                write!(f, "the label at offset {at} is longer than 63 characters")
            }
            NameErrorKind::TooLong => f.write_str("the name is longer than 253 characters"),
            NameErrorKind::Character(c) if !c.is_ascii() => write!(
                f,
                "character {c:?} at offset {at} is not ASCII; write the name in its `xn--` form"
            ),
            NameErrorKind::Character(c) => {
                write!(f, "character {c:?} at offset {at} is not allowed in a host name")
            }
            NameErrorKind::NumericEnd => f.write_str(
                "a name does not end with a number, and this is not an IPv4 address of four decimal numbers",
            ),
        }
    }
}

impl std::error::Error for NameError {}
