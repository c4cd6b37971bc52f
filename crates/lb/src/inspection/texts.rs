//! Lists of values that are serialized as they print.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;
use trunkline_endpoint::ShortList;

pub(super) fn serialize<S: Serializer>(
    values: &[impl Display],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<ShortList<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    let parse = |text: String| text.parse().map_err(Error::custom);
    texts.into_iter().map(parse).collect()
}
