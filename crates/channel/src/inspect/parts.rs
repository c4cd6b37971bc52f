//! The parts of an inspection that are small: resolver, service config, endpoints, calls, events.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline_endpoint::{Location, ShortList};

use crate::core::config::ServiceConfigOrigin;
use crate::core::event_text::EventLevel;
#[cfg(feature = "serde")]
use crate::inspect::json;

/// A page of a long list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InspectionPage<T> {
    /// The number of items in the whole list.
    pub total: usize,
    /// Where the next page starts, for [`InspectOptions`](crate::InspectOptions); `None` for the last
    /// page.
    pub next: Option<usize>,
    /// The items of this page.
    pub items: Vec<T>,
}

/// The resolver of a channel, in an inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ResolverInspection {
    /// False while the channel has no resolver: before its first use, while it is idle, and once it is
    /// closed.
    pub is_active: bool,
    /// True while the name is being resolved, if the resolver reports that.
    pub is_resolving: bool,
    /// What the resolver waits for while the channel has no list, such as the DNS servers that have not
    /// answered.
    pub waiting_for: Option<String>,
    /// The last list of endpoints that the channel has received; `None` before the first one.
    pub last_answer: Option<AnswerInspection>,
    /// How long the last answer remains valid: what is left of its TTL, if it has one. In JSON:
    /// `ttl_left_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "ttl_left_ms", with = "json::millis_option", default)
    )]
    pub ttl_left: Option<Duration>,
    /// The time until the name is resolved again without a request, if the resolver plans that. In
    /// JSON: `next_in_ms`.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "next_in_ms", with = "json::millis_option", default)
    )]
    pub next_in: Option<Duration>,
    /// The last error: the resolver failed, or returned something that the channel cannot use. It may
    /// be older than the last answer.
    pub last_error: Option<ErrorInspection>,
}

/// The last list of a resolver, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AnswerInspection {
    /// The time since the channel received it. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The number of its endpoints.
    pub endpoints: usize,
    /// The number of their addresses.
    pub addresses: usize,
    /// The remark of the resolver on how it got them; empty without one.
    pub note: String,
}

/// An error, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ErrorInspection {
    /// The time since the error. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The text, of at most 4,096 bytes.
    pub message: String,
}

/// The service config in force, in an inspection.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ServiceConfigInspection {
    /// Where it comes from.
    pub origin: ServiceConfigOrigin,
    /// Where the resolver found it, such as the name of the TXT record; `None` if it does not report
    /// that.
    pub place: Option<String>,
    /// The config, as JSON without the parts that have no effect; `None` if its text is longer than
    /// 64 KiB.
    pub config: Option<serde_json::Value>,
    /// True when the resolver chooses the configuration of each call in its place.
    pub has_selector: bool,
    /// Why the config of the last resolution is not used: it is invalid. `None` if it is used, or if
    /// there was none. An earlier config stays in force, if there is one.
    pub rejected: Option<ErrorInspection>,
}

/// One endpoint of the list in use, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EndpointInspection {
    /// Its addresses, in the order of the resolver. In JSON: texts.
    #[cfg_attr(feature = "serde", serde(with = "json::texts"))]
    pub addresses: ShortList<Location>,
    /// Its attributes, such as weight, priority and zone, by name.
    pub attributes: BTreeMap<String, String>,
}

/// The calls of a channel so far, in an inspection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CallsInspection {
    /// The number of calls that have begun.
    pub begun: u64,
    /// The number of calls that have ended.
    pub ended: u64,
    /// The number of calls that have begun and not ended.
    pub open: u64,
    /// The number of calls that wait until they can be sent.
    pub queued: usize,
    /// The bytes that the calls which wait keep.
    pub queued_bytes: usize,
}

/// One of the last events of a channel, in an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EventInspection {
    /// The time since the event. In JSON: `age_ms`.
    #[cfg_attr(feature = "serde", serde(rename = "age_ms", with = "json::millis"))]
    pub age: Duration,
    /// The name of its kind: [`ChannelEvent::name`](crate::ChannelEvent::name).
    pub name: String,
    /// How much it matters. In JSON: `debug`, `info` or `warn`.
    pub level: EventLevel,
    /// What happened, in one line of at most 1,024 bytes.
    pub text: String,
}
