//! Named values that describe a policy, a child or an endpoint.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A few named values, sorted by name. Each name is there once.
///
/// Names are `snake_case`, and end with the unit where the value has one: `returns_in_secs`. With the
/// feature `serde` it is a JSON object.
///
/// ```
/// use trunkline_lb::{FactValue, Facts};
///
/// let facts = Facts::new().with("weight", 2.5).with("is_ejected", true);
/// assert_eq!(facts.get("weight"), Some(&FactValue::Number(2.5)));
/// assert_eq!(facts.to_string(), "is_ejected true, weight 2.5");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(Vec<(Cow<'static, str>, FactValue)>);

/// The value of a fact.
///
/// With the feature `serde` it is a JSON value of its kind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(untagged))]
pub enum FactValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// Any other number; finite.
    Number(f64),
    /// A text.
    Text(Cow<'static, str>),
}

impl Facts {
    /// Creates an empty list, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a fact. An earlier value of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FactValue>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds a fact. An earlier value of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FactValue>) {
        let (name, value) = (name.into(), value.into());
        match self.position(&name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                // Most lists have one fact or two, and there may be one list for each endpoint.
                self.0.reserve_exact(1);
                self.0.insert(at, (name, value));
            }
        }
    }

    /// Returns the value of a fact.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FactValue> {
        let at = self.position(name).ok()?;
        Some(&self.0[at].1)
    }

    /// Returns where a name is, or else where it belongs.
    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    /// Iterates over the names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FactValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Returns whether there are no facts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Facts {
    /// Prints the names and values, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<bool> for FactValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for FactValue {
    fn from(count: u32) -> Self {
        Self::Count(u64::from(count))
    }
}

impl From<u64> for FactValue {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for FactValue {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<f64> for FactValue {
    /// A number that is not finite becomes its text, because JSON has no such number.
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Text(number.to_string().into())
        }
    }
}

impl From<Duration> for FactValue {
    /// A duration is a number of seconds.
    fn from(duration: Duration) -> Self {
        Self::Number(duration.as_secs_f64())
    }
}

impl From<&'static str> for FactValue {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for FactValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(feature = "serde")]
mod json {
    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::{FactValue, Facts};

    impl Serialize for Facts {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.iter())
        }
    }

    impl<'de> Deserialize<'de> for Facts {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(FactsVisitor)
        }
    }

    struct FactsVisitor;

    impl<'de> Visitor<'de> for FactsVisitor {
        type Value = Facts;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with the facts of a policy")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
            let mut facts = Facts::new();
            while let Some((name, value)) = map.next_entry::<Cow<'static, str>, FactValue>()? {
                facts.insert(name, value);
            }
            Ok(facts)
        }
    }
}
