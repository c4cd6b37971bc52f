//! Comparisons that the cases share.

use std::fmt::Debug;

use tonic::{Code, Status};

use super::proto::Payload;
use crate::wrong::Wrong;

/// The size of the payload in a large request.
pub(super) const LARGE_REQUEST: usize = 271_828;

/// The size of the payload in a large response.
pub(super) const LARGE_RESPONSE: usize = 314_159;

/// The result of a case that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything that the suite asserts is true.
    Passed,
    /// The server lacks a feature of the suite. Everything else is true.
    ServerLacks(Feature),
}

/// A feature of the suite that not every server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// It rejects a message that is not compressed as the request requires.
    CompressedRequest,
    /// It compresses responses when it is asked to.
    CompressedResponse,
    /// It reports its load.
    LoadReports,
    /// It fills in the address of the client when it is asked to.
    PeerAddress,
}

/// Returns an error unless both are equal.
pub(super) fn same<T: Debug + PartialEq>(what: &str, found: T, expected: T) -> Result<(), Wrong> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {found:?}").into())
}

/// Returns an error unless the payload has this many bytes.
pub(super) fn sized(payload: Option<&Payload>, size: usize) -> Result<(), Wrong> {
    let found = payload.map_or(0, |payload| payload.body.len());
    same("bytes in the payload", found, size)
}

/// Returns the status of a call that must fail with this code.
pub(super) fn failed<T>(
    what: &str,
    result: Result<T, Status>,
    code: Code,
) -> Result<Status, Wrong> {
    match result {
        Ok(_) => Err(format!("{what}: expected {code:?}, but the call succeeded").into()),
        Err(status) if status.code() == code => Ok(status),
        Err(status) => Err(format!("{what}: expected {code:?}, found {}", shown(&status)).into()),
    }
}

/// Returns the result of a call that must not fail.
pub(super) fn succeeded<T>(what: &str, result: Result<T, Status>) -> Result<T, Wrong> {
    result.map_err(|status| format!("{what}: {}", shown(&status)).into())
}

fn shown(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
