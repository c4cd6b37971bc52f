//! How values of an inspection become JSON, and are read again.

use serde::{Deserialize, Deserializer, Serializer};

/// A type that is a text in JSON: what `Display` prints.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;

    use super::{Deserialize, Deserializer, Serializer};

    pub(in crate::inspect) fn serialize<T, S>(value: &T, to: S) -> Result<S::Ok, S::Error>
    where
        T: Display,
        S: Serializer,
    {
        to.collect_str(value)
    }

    pub(in crate::inspect) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The address of one end of a connection, as text.
pub(super) mod peer {
    use serde::de::Error;
    use trunkline_endpoint::Location;
    use trunkline_runtime::{PeerAddr, UnixAddr};

    use super::{Deserializer, Serializer, text};

    pub(in crate::inspect) fn serialize<S: Serializer>(
        address: &PeerAddr,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        text::serialize(address, to)
    }

    pub(in crate::inspect) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<PeerAddr, D::Error> {
        match text::deserialize(from)? {
            Location::Socket(address) => Ok(address.into()),
            Location::Unix(path) => Ok(UnixAddr::from_path(path).into()),
            Location::UnixAbstract(name) => Ok(UnixAddr::from_abstract_name(name).into()),
            other => Err(D::Error::custom(format!(
                "expected the address of a peer, found `{other}`"
            ))),
        }
    }
}

/// The address of one end of a connection, as text or `null`.
pub(super) mod peer_option {
    use trunkline_runtime::PeerAddr;

    use super::{Deserialize, Deserializer, Serializer, peer};

    pub(in crate::inspect) fn serialize<S: Serializer>(
        address: &Option<PeerAddr>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => peer::serialize(address, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::inspect) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<PeerAddr>, D::Error> {
        #[derive(Deserialize)]
        struct Peer(#[serde(with = "peer")] PeerAddr);

        let address = Option::<Peer>::deserialize(from)?;
        Ok(address.map(|Peer(address)| address))
    }
}

/// A list of values, each as the text that `Display` prints.
pub(super) mod texts {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use trunkline_endpoint::ShortList;

    use super::text;

    pub(in crate::inspect) fn serialize<T, S>(values: &[T], to: S) -> Result<S::Ok, S::Error>
    where
        T: Display,
        S: Serializer,
    {
        to.collect_seq(values.iter().map(Text))
    }

    pub(in crate::inspect) fn deserialize<'de, T, D>(from: D) -> Result<ShortList<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let values = Vec::<Text<T>>::deserialize(from)?;
        Ok(values.into_iter().map(|Text(value)| value).collect())
    }

    /// A value of the list.
    struct Text<T>(T);

    impl<T: Display> Serialize for Text<T> {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            text::serialize(&self.0, to)
        }
    }

    impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            text::deserialize(from).map(Self)
        }
    }
}

/// A list.
pub(super) mod list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use trunkline_endpoint::ShortList;

    pub(in crate::inspect) fn serialize<T, S>(values: &[T], to: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        to.collect_seq(values)
    }

    pub(in crate::inspect) fn deserialize<'de, T, D>(from: D) -> Result<ShortList<T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::deserialize(from).map(ShortList::from)
    }
}

/// A duration, as a whole number of milliseconds.
pub(super) mod millis {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, Serializer};

    pub(in crate::inspect) fn serialize<S: Serializer>(
        duration: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(whole(*duration))
    }

    pub(in crate::inspect) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }

    pub(super) fn whole(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A duration that may be absent, as a whole number of milliseconds or `null`.
pub(super) mod millis_option {
    use std::time::Duration;

    use super::{Deserialize, Deserializer, Serializer, millis};

    pub(in crate::inspect) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => to.serialize_some(&millis::whole(*duration)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::inspect) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let millis = Option::<u64>::deserialize(from)?;
        Ok(millis.map(Duration::from_millis))
    }
}

/// A time of day, as milliseconds since the start of 1970 in UTC.
pub(super) mod unix_millis {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::{Deserialize, Deserializer, Serializer, millis};

    pub(in crate::inspect) fn serialize<S: Serializer>(
        time: &SystemTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        to.serialize_u64(millis::whole(since))
    }

    pub(in crate::inspect) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SystemTime, D::Error> {
        let since = Duration::from_millis(u64::deserialize(from)?);
        Ok(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
    }
}
