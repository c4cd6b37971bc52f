//! Faults of a resource, each with its place.

use std::fmt::{self, Write};

/// A fault in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, as the proto names it, with indices: `virtual_hosts[0].routes[2].match`. Empty for
    /// the resource as a whole.
    pub field: String,
    /// What is wrong.
    pub text: String,
}

/// The faults of a resource. Validation goes on after the first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    first: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// The most faults that are kept of a resource; the others are counted.
    pub const MOST: usize = 20;

    /// Returns no faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the fault `text` of the field at `place`.
    pub(crate) fn add(&mut self, place: &Place<'_>, text: impl Into<String>) {
        if self.first.len() == Self::MOST {
            self.more += 1;
            return;
        }
        self.push(Fault {
            field: place.to_string(),
            text: text.into(),
        });
    }

    /// Adds a fault.
    fn push(&mut self, fault: Fault) {
        if self.first.len() == Self::MOST {
            self.more += 1;
        } else {
            self.first.push(fault);
        }
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Returns the faults that are kept, in the order of the resource's fields.
    #[must_use]
    pub fn first(&self) -> &[Fault] {
        &self.first
    }

    /// Returns the number of all faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.more
    }

    /// Returns `value` if there is no fault.
    ///
    /// # Errors
    ///
    /// The faults, if there are any.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        let mut all = Self::new();
        for fault in faults {
            all.push(fault);
        }
        all
    }
}

impl fmt::Display for Faults {
    /// Prints a line for each fault that is kept, `field: text`, and the number of the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.first.iter().enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            if !fault.field.is_empty() {
                write!(f, "{}: ", fault.field)?;
            }
            f.write_str(&fault.text)?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The place of a field in a resource. A place is a step from the place around it, so that none is
/// written out before there is a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// The resource as a whole.
    Root,
    /// A field of a message.
    Field(&'a Self, &'static str),
    /// An item of a repeated field.
    Item(&'a Self, usize),
    /// An entry of a map.
    Key(&'a Self, &'a str),
    /// The message at this place, which has a name.
    Named(&'a Self, &'a str),
}

impl Place<'_> {
    /// Returns the place of a field of the message at this place.
    pub(crate) fn field<'a>(&'a self, name: &'static str) -> Place<'a> {
        Place::Field(self, name)
    }

    /// Returns the place of an item of the repeated field at this place.
    pub(crate) fn item(&self, at: usize) -> Place<'_> {
        Place::Item(self, at)
    }

    /// Returns this place with the name of the message there.
    pub(crate) fn label<'a>(&'a self, name: &'a str) -> Place<'a> {
        Place::Named(self, name)
    }

    /// Returns the place of an entry of the map at this place.
    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Place<'a> {
        Place::Key(self, key)
    }
}

impl fmt::Display for Place<'_> {
    /// Prints a path such as `virtual_hosts[0].routes[2].match`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(outer, name) => write!(f, "{outer}.{name}"),
            Self::Item(outer, at) => write!(f, "{outer}[{at}]"),
            Self::Named(outer, name) => write!(f, "{outer} ({:?})", cut(name)),
            Self::Key(outer, key) => write!(f, "{outer}[{:?}]", cut(key)),
        }
    }
}

/// The most bytes of a wrong value that a text quotes.
const QUOTED: usize = 100;

/// Returns the start of a wrong value, for a text that quotes it: at most 100 bytes.
pub(crate) fn cut(value: &str) -> &str {
    let end = (0..=QUOTED.min(value.len()))
        .rev()
        .find(|&at| value.is_char_boundary(at))
        .unwrap_or_default();
    &value[..end]
}

/// Returns a wrong value as texts quote it: at most 100 bytes of it, in quotation marks, and readable.
pub(crate) fn quote(value: &str) -> String {
    format!("{:?}", cut(value))
}
