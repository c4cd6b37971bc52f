//! The metadata of a call while an attempt has its header map.

use std::time::Duration;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::call::deadline::{GRPC_TIMEOUT, format_grpc_timeout};

/// The content type of a request, as stubs write it.
static GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The value of `te`, as the protocol requires it.
static TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// The metadata of a call whose header map was given to its attempt, so that the call can be sent
/// again.
///
/// HTTP/2 needs a map of its own for each attempt, and most calls make one attempt. So the first
/// attempt gets the map of the request. What every stub sends is kept as flags, and only other fields
/// are cloned: a call without metadata of the application allocates nothing for a second attempt.
pub(crate) struct KeptMetadata {
    has_te: bool,
    has_content_type: bool,
    has_user_agent: bool,
    has_timeout: bool,
    /// The other fields. Those with one name are in their order.
    others: Vec<(HeaderName, HeaderValue)>,
}

impl KeptMetadata {
    /// Keeps what [`restore`](Self::restore) needs to make these headers again. A `grpc-timeout` is not
    /// kept if the call `has_deadline`, which has the same time.
    pub(crate) fn of(headers: &HeaderMap, user_agent: &HeaderValue, has_deadline: bool) -> Self {
        let mut kept = Self {
            has_te: false,
            has_content_type: false,
            has_user_agent: false,
            has_timeout: false,
            others: Vec::new(),
        };
        for (name, value) in headers {
            let flag = if *name == TE && is_same(value, &TRAILERS) {
                &mut kept.has_te
            } else if *name == CONTENT_TYPE && is_same(value, &GRPC) {
                &mut kept.has_content_type
            } else if *name == USER_AGENT && is_same(value, user_agent) {
                &mut kept.has_user_agent
            } else if has_deadline && *name == GRPC_TIMEOUT {
                &mut kept.has_timeout
            } else {
                kept.keep_field(name, value, headers.len());
                continue;
            };
            if std::mem::replace(flag, true) {
                kept.keep_field(name, value, headers.len());
            }
        }
        kept
    }

    fn keep_field(&mut self, name: &HeaderName, value: &HeaderValue, most: usize) {
        if self.others.is_empty() {
            self.others.reserve(most);
        }
        self.others.push((name.clone(), value.clone()));
    }

    /// Adds the headers that were kept. `timeout` is that of the deadline of the call, for a `grpc-timeout`
    /// that was not kept.
    pub(crate) fn restore(
        self,
        headers: &mut HeaderMap,
        user_agent: &HeaderValue,
        timeout: Option<Duration>,
    ) {
        if self.has_te {
            headers.insert(TE, TRAILERS.clone());
        }
        if self.has_content_type {
            headers.insert(CONTENT_TYPE, GRPC.clone());
        }
        if self.has_user_agent {
            headers.insert(USER_AGENT, user_agent.clone());
        }
        if self.has_timeout
            && let Some(timeout) = timeout
        {
            headers.insert(GRPC_TIMEOUT.clone(), format_grpc_timeout(timeout));
        }
        for (name, value) in self.others {
            headers.append(name, value);
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
    use crate::call::deadline::parse_grpc_timeout;

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

    /// Checks that headers are restored, and how many fields of them are cloned for that. `timeout` is
    /// that of the deadline.
    fn check(fields: &[(&'static str, &'static str)], timeout: Option<Duration>, cloned: usize) {
        let user_agent = HeaderValue::from_static("grpc-test/1");
        let headers = headers(fields);
        let kept = KeptMetadata::of(&headers, &user_agent, timeout.is_some());
        assert_eq!(kept.others.len(), cloned, "{fields:?}");
        let mut restored = HeaderMap::new();
        kept.restore(&mut restored, &user_agent, timeout);
        assert_eq!(restored, headers);
    }

    /// Whatever the metadata, a second attempt sends that of the first. The fields that each call has
    /// cost nothing.
    #[test]
    fn a_second_attempt_has_the_same_metadata() {
        let usual = [
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "grpc-test/1"),
        ];
        let deadline = Some(Duration::from_secs(20));
        check(&usual, None, 0);
        check(&[&usual[..], &[("grpc-timeout", "20S")]].concat(), None, 1);
        let own = [
            ("x-own", "1"),
            ("te", "gzip"),
            ("content-type", "application/grpc+json"),
            ("x-own", "2"),
            ("user-agent", "other/2"),
        ];
        check(&own, deadline, 5);
        let twice = [("te", "trailers"), ("te", "trailers"), ("te", "gzip")];
        check(&twice, deadline, 2);
        check(&[], deadline, 0);
    }

    /// The deadline can be shorter than what the caller wrote, as the service config has it. A second
    /// attempt has the time of the deadline.
    #[test]
    fn a_second_attempt_has_the_timeout_of_the_deadline() {
        let user_agent = HeaderValue::from_static("grpc-test/1");
        for timeout in [Duration::from_secs(20), Duration::from_millis(1_500)] {
            let headers = headers(&[("grpc-timeout", "20S")]);
            let kept = KeptMetadata::of(&headers, &user_agent, true);
            assert!(kept.others.is_empty());
            let mut restored = HeaderMap::new();
            kept.restore(&mut restored, &user_agent, Some(timeout));
            assert_eq!(parse_grpc_timeout(&restored), Some(timeout));
            assert_eq!(restored.len(), 1);
        }
    }
}
