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
    /// True when the first `te` is `trailers`.
    has_te: bool,
    /// True when the first `content-type` is that of stubs.
    has_content_type: bool,
    /// True when the user agent is the channel's.
    has_user_agent: bool,
    /// The time of the first `grpc-timeout`, if it is valid.
    timeout: Option<Duration>,
    /// True when there are fields beside those above.
    has_others: bool,
    /// The other fields, once they are kept. Those with one name are in their order.
    others: Vec<(HeaderName, HeaderValue)>,
}

/// The names of which the first value can be kept without a clone, each until that value was found.
struct UsualNames {
    te: bool,
    content_type: bool,
    user_agent: bool,
    timeout: bool,
}

impl UsualNames {
    const ALL: Self = Self {
        te: true,
        content_type: true,
        user_agent: true,
        timeout: true,
    };

    /// Returns which of them a field has, if it is the first one with that name.
    fn take(&mut self, name: &HeaderName) -> Option<UsualName> {
        let (is_first, usual) = if *name == TE {
            (&mut self.te, UsualName::Te)
        } else if *name == CONTENT_TYPE {
            (&mut self.content_type, UsualName::ContentType)
        } else if *name == USER_AGENT {
            (&mut self.user_agent, UsualName::UserAgent)
        } else if *name == GRPC_TIMEOUT {
            (&mut self.timeout, UsualName::Timeout)
        } else {
            return None;
        };
        std::mem::take(is_first).then_some(usual)
    }
}

/// A name of [`UsualNames`].
#[derive(Clone, Copy)]
enum UsualName {
    Te,
    ContentType,
    UserAgent,
    Timeout,
}

impl KeptMetadata {
    /// Completes the metadata that a caller has written: adds the channel's `user_agent`, if the caller
    /// has none. Returns what [`restore`](Self::restore) needs to make it again, but for the fields of
    /// [`keep_others`](Self::keep_others).
    ///
    /// It is one pass over the fields. Few calls have many, and a look at each name costs less than the
    /// hash of one.
    pub(crate) fn complete(headers: &mut HeaderMap, user_agent: &HeaderValue) -> Self {
        let mut kept = Self::default();
        let mut names = UsualNames::ALL;
        for (name, value) in &*headers {
            let usual = names.take(name);
            match usual {
                Some(UsualName::Te) => kept.has_te = is_same(value, &TRAILERS),
                Some(UsualName::ContentType) => kept.has_content_type = is_same(value, &GRPC),
                Some(UsualName::Timeout) => kept.timeout = parse_grpc_timeout(value),
                Some(UsualName::UserAgent) | None => {}
            }
            kept.has_others |= !kept.has_flag(usual);
        }
        // No field has the name: it was not taken.
        if names.user_agent {
            headers.insert(USER_AGENT, user_agent.clone());
            kept.has_user_agent = true;
        }
        kept
    }

    /// Keeps the fields that have no flag, unless they are kept. It is called before an attempt gets the
    /// header map.
    pub(crate) fn keep_others(&mut self, headers: &HeaderMap) {
        if !self.has_others || !self.others.is_empty() {
            return;
        }
        self.others.reserve(headers.len());
        let mut names = UsualNames::ALL;
        for (name, value) in headers {
            if !self.has_flag(names.take(name)) {
                self.others.push((name.clone(), value.clone()));
            }
        }
    }

    /// Returns true if a field is kept as a flag, or as a time: the first one with this name.
    fn has_flag(&self, usual: Option<UsualName>) -> bool {
        match usual {
            Some(UsualName::Te) => self.has_te,
            Some(UsualName::ContentType) => self.has_content_type,
            Some(UsualName::UserAgent) => self.has_user_agent,
            Some(UsualName::Timeout) => self.timeout.is_some(),
            None => false,
        }
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
    /// are cloned for that. None is cloned before an attempt gets the map.
    fn check(
        fields: &[(&'static str, &'static str)],
        expected: &[(&'static str, &'static str)],
        cloned: usize,
    ) {
        let mut completed = headers(fields);
        let mut kept = KeptMetadata::complete(&mut completed, &user_agent());
        assert_eq!(completed, headers(expected));
        assert_eq!(kept.others.len(), 0, "{fields:?}");
        kept.keep_others(&completed);
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
            let mut late = first.clone();
            let mut kept_late = KeptMetadata::complete(&mut late, &user_agent());
            kept.set_timeout(&mut first, timeout);
            assert_eq!(
                first.get_all("grpc-timeout").iter().collect::<Vec<_>>(),
                ["1500000u"]
            );
            kept.keep_others(&first);
            // After an attempt with the caller's timeout.
            kept_late.keep_others(&late);
            kept_late.set_timeout(&mut late, timeout);
            for kept in [kept, kept_late] {
                let mut restored = HeaderMap::new();
                kept.restore(&mut restored, &user_agent());
                assert_eq!(restored, first, "{values:?}");
            }
        }
    }
}
