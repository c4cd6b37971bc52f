//! The values of options: their types and parsers.

use std::time::Duration;

use trunkline::KeepaliveOptions;

/// The value of `--hedge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hedge {
    pub(crate) attempts: u32,
    pub(crate) delay: Duration,
}

/// How long a channel stays without calls before it enters idleness: the value of `--idle-timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdleTimeout {
    After(Duration),
    Never,
}

/// The longest time that can be given, in seconds: the longest deadline in seconds that a call can
/// send.
///
/// Source: [gRPC over HTTP/2, TimeoutValue](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const MAX_SECONDS: f64 = 99_999_999.0;

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.0..=MAX_SECONDS).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err(format!(
            "expected a number of seconds from 0 to {MAX_SECONDS} (three years)"
        ))
    }
}

/// Parses a time of keepalive and, after a slash, its time-out.
pub(super) fn keepalive(text: &str) -> Result<KeepaliveOptions, String> {
    let (time, timeout) = match text.split_once('/') {
        Some((time, timeout)) => (time, Some(timeout)),
        None => (text, None),
    };
    let options = KeepaliveOptions::default().with_time(seconds(time)?);
    match timeout {
        Some(timeout) => Ok(options.with_timeout(seconds(timeout)?)),
        None => Ok(options),
    }
}

pub(super) fn millis(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of milliseconds".to_owned())?;
    if (0.0..=86_400_000.0).contains(&number) {
        Ok(number)
    } else {
        Err("expected a number of milliseconds from 0 to 86400000 (a day)".to_owned())
    }
}

pub(super) fn hedge(text: &str) -> Result<Hedge, String> {
    let expected =
        "expected ATTEMPTS/DELAY: 2 to 100 attempts, and a delay in milliseconds, such as 3/50";
    let (attempts, delay) = text.split_once('/').ok_or(expected)?;
    let attempts = attempts.parse().map_err(|_| expected)?;
    if !(2..=100).contains(&attempts) {
        return Err(expected.to_owned());
    }
    let delay = Duration::from_secs_f64(millis(delay)? / 1000.0);
    Ok(Hedge { attempts, delay })
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of calls per second".to_owned())?;
    if (0.001..=1e6).contains(&number) {
        Ok(number)
    } else {
        Err("expected a number of calls per second from 0.001 to 1000000".to_owned())
    }
}

/// Parses an idle timeout.
pub(super) fn idle_timeout(text: &str) -> Result<IdleTimeout, String> {
    if text == "never" {
        return Ok(IdleTimeout::Never);
    }
    let after = seconds(text).map(IdleTimeout::After);
    after.map_err(|error| format!("{error}, or `never`"))
}
