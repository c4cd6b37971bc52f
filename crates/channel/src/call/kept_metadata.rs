//! The metadata of a call while an attempt has its header map.

use std::time::Duration;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::deadline::{GRPC_TIMEOUT, format_grpc_timeout, parse_grpc_timeout};

/// The content type of a request, as stubs write it.
static GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The value of `te`, as the protocol requires it.
static TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// What the metadata of a call is made of again, once its header map was given to an attempt.
///
/// HTTP/2 needs a map of its own for each attempt, and most calls make one attempt. So the first
/// attempt gets the map of the request. What every stub sends is kept as flags, and only other fields
/// are cloned: a call without metadata of the application allocates nothing for a second attempt.
#[derive(Default)]
pub(crate) struct KeptMetadata {
    has_te: bool,
    has_content_type: bool,
    has_user_agent: bool,
    /// The time of `grpc-timeout`, if the call has a valid one.
    timeout: Option<Duration>,
    /// The other fields. Those with one name are in their order.
    others: Vec<(HeaderName, HeaderValue)>,
}

impl KeptMetadata {
    /// Completes the metadata that a caller has written: adds the channel's `user_agent`, if the caller
    /// has none. Returns what [`restore`](Self::restore) needs to make it again.
    ///
    /// It is one pass over the fields. Few calls have many, and a look at each name costs less than the
    /// hash of one.
    pub(crate) fn complete(headers: &mut HeaderMap, user_agent: &HeaderValue) -> Self {
        let mut kept = Self::default();
        let mut has_own_user_agent = false;
        for (name, value) in &*headers {
            if !kept.keep_usual(name, value) {
                has_own_user_agent |= *name == USER_AGENT;
                kept.keep_other(name, value, headers.len());
            }
        }
        if !has_own_user_agent {
            headers.insert(USER_AGENT, user_agent.clone());
            kept.has_user_agent = true;
        }
        kept
    }

    /// Keeps a field without a clone of it. Returns false if that is not possible.
    fn keep_usual(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        // Else it would come before those of its name.
        if self.others.iter().any(|(own, _)| own == name) {
            false
        } else if *name == TE {
            is_same(value, &TRAILERS) && !std::mem::replace(&mut self.has_te, true)
        } else if *name == CONTENT_TYPE {
            is_same(value, &GRPC) && !std::mem::replace(&mut self.has_content_type, true)
        } else if *name == GRPC_TIMEOUT && self.timeout.is_none() {
            self.timeout = parse_grpc_timeout(value);
            self.timeout.is_some()
        } else {
            false
        }
    }

    fn keep_other(&mut self, name: &HeaderName, value: &HeaderValue, most: usize) {
        if self.others.is_empty() {
            self.others.reserve(most);
        }
        self.others.push((name.clone(), value.clone()));
    }

    /// Returns the time of the call's `grpc-timeout`, if it has a valid one.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Sets the `grpc-timeout` of the call, in place of the caller's.
    pub(crate) fn set_timeout(&mut self, headers: &mut HeaderMap, timeout: Duration) {
        headers.insert(GRPC_TIMEOUT.clone(), format_grpc_timeout(timeout));
        self.others.retain(|(name, _)| *name != GRPC_TIMEOUT);
        self.timeout = Some(timeout);
    }

    /// Makes the metadata again, in an empty map.
    pub(crate) fn restore(&self, headers: &mut HeaderMap, user_agent: &HeaderValue) {
        if self.has_te {
            headers.insert(TE, TRAILERS.clone());
        }
        if self.has_content_type {
            headers.insert(CONTENT_TYPE, GRPC.clone());
        }
        if self.has_user_agent {
            headers.insert(USER_AGENT, user_agent.clone());
        }
        if let Some(timeout) = self.timeout {
            headers.insert(GRPC_TIMEOUT.clone(), format_grpc_timeout(timeout));
        }
        for (name, value) in &self.others {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Compares two values. Most are the same memory, which saves the look at it.
fn is_same(one: &HeaderValue, other: &HeaderValue) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    std::ptr::eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns headers with these fields.
    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let mut headers = HeaderMap::new();
        fields.for_each(|(name, value)| _ = headers.append(name, value));
        headers
    }

    fn user_agent() -> HeaderValue {
        HeaderValue::from_static("grpc-test/1")
    }

    /// Checks that the metadata is completed to `expected`, that it is restored, and how many of its fields
    /// are cloned for that.
    fn check(
        fields: &[(&'static str, &'static str)],
        expected: &[(&'static str, &'static str)],
        cloned: usize,
    ) {
        let mut completed = headers(fields);
        let kept = KeptMetadata::complete(&mut completed, &user_agent());
        assert_eq!(completed, headers(expected));
        assert_eq!(kept.others.len(), cloned, "{fields:?}");
        let mut restored = HeaderMap::new();
        kept.restore(&mut restored, &user_agent());
        assert_eq!(restored, completed);
    }

    /// Whatever the metadata, a second attempt sends that of the first. The fields that each call has
    /// cost nothing.
    #[test]
    fn a_second_attempt_has_the_same_metadata() {
        let added = ("user-agent", "grpc-test/1");
        let usual = [("te", "trailers"), ("content-type", "application/grpc")];
        check(&usual, &[&usual[..], &[added]].concat(), 0);
        let timed = [&usual[..], &[("grpc-timeout", "20000000u")]].concat();
        check(&timed, &[&timed[..], &[added]].concat(), 0);
        check(&[], &[added], 0);
        let own = [
            ("x-own", "1"),
            ("te", "gzip"),
            ("content-type", "application/grpc+json"),
            ("x-own", "2"),
            ("user-agent", "other/2"),
            ("grpc-timeout", "20"),
        ];
        check(&own, &own, 6);
        let same = [added];
        check(&same, &same, 1);
    }

    /// The fields of one name stay in their order.
    #[test]
    fn repeated_fields_stay_in_their_order() {
        let added = ("user-agent", "grpc-test/1");
        for (fields, cloned) in [
            ([("te", "trailers"), ("te", "trailers"), ("te", "gzip")], 2),
            ([("te", "gzip"), ("te", "trailers"), ("te", "x")], 3),
        ] {
            check(&fields, &[&fields[..], &[added]].concat(), cloned);
        }
        let timeouts = [("grpc-timeout", "1"), ("grpc-timeout", "20000000u")];
        check(&timeouts, &[&timeouts[..], &[added]].concat(), 2);
    }

    /// The caller's timeout is that of its first `grpc-timeout`, which is left as it is where it is not
    /// valid: the server rejects it.
    #[test]
    fn the_first_timeout_counts() {
        for (values, timeout) in [
            (&["20S", "1S"][..], Some(Duration::from_secs(20))),
            (&["20", "1S"], None),
            (&[], None),
        ] {
            let fields: Vec<_> = values
                .iter()
                .map(|value| ("grpc-timeout", *value))
                .collect();
            let kept = KeptMetadata::complete(&mut headers(&fields), &user_agent());
            assert_eq!(kept.timeout(), timeout, "{values:?}");
        }
    }

    /// The deadline can be shorter than what the caller wrote, as the service config has it. Each attempt
    /// has the time of the deadline.
    #[test]
    fn each_attempt_has_the_timeout_of_the_deadline() {
        let timeout = Duration::from_millis(1_500);
        for values in [&["20S"][..], &["20S", "1S"], &["20"], &[]] {
            let fields: Vec<_> = values
                .iter()
                .map(|value| ("grpc-timeout", *value))
                .collect();
            let mut first = headers(&fields);
            let mut kept = KeptMetadata::complete(&mut first, &user_agent());
            kept.set_timeout(&mut first, timeout);
            assert_eq!(
                first.get_all("grpc-timeout").iter().collect::<Vec<_>>(),
                ["1500000u"]
            );
            let mut restored = HeaderMap::new();
            kept.restore(&mut restored, &user_agent());
            assert_eq!(restored, first, "{values:?}");
        }
    }
}
