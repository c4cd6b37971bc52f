//! Recent failures, and the error for calls that is made from them.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_status::Status;

use crate::errors::with_note;

/// How many addresses an error names at most.
const NAMED: usize = 5;

/// The failures since a subchannel was ready last.
#[derive(Debug)]
pub(super) struct Failures {
    /// The newest failure of each address, newest first. Only the [`NAMED`] addresses that failed
    /// last are kept.
    newest: VecDeque<(Address, Status)>,
    /// The resolver's error, if one came after the last list.
    resolver_error: Option<Status>,
    /// The resolver's note on the last list ([`Update::resolution_note`](crate::Update)).
    resolution_note: Arc<str>,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            newest: VecDeque::new(),
            resolver_error: None,
            resolution_note: Arc::from(""),
        }
    }
}

impl Failures {
    /// Records a failed attempt.
    pub(super) fn record(&mut self, address: &Address, error: Status) {
        self.newest
            .retain(|(known, _)| !known.same_connection(address));
        self.newest.truncate(NAMED - 1);
        self.newest.push_front((address.clone(), error));
    }

    /// Forgets addresses that are not in `list`.
    pub(super) fn keep_only(&mut self, list: &[Address]) {
        let listed = |known: &Address| list.iter().any(|address| address.same_connection(known));
        self.newest.retain(|(known, _)| listed(known));
    }

    /// Forgets all failed attempts, because a subchannel is ready.
    pub(super) fn clear(&mut self) {
        self.newest.clear();
    }

    /// Handles a new list, which ends an error of the resolver. Returns true if there was such an
    /// error.
    pub(super) fn handle_update(&mut self, resolution_note: Arc<str>) -> bool {
        self.resolution_note = resolution_note;
        self.resolver_error.take().is_some()
    }

    pub(super) fn handle_resolver_error(&mut self, error: Status) {
        self.resolver_error = Some(error);
    }

    pub(super) fn resolution_note(&self) -> &str {
        &self.resolution_note
    }

    /// Returns the error of the resolver alone.
    pub(super) fn of_resolver(&self) -> Status {
        let error = self.resolver_error.clone();
        error.unwrap_or_else(|| Status::unavailable("the name has no addresses any more"))
    }

    /// Returns the error for calls when all addresses have failed; `addresses` is their number.
    pub(super) fn to_status(&self, addresses: usize) -> Status {
        let mut message = String::from("failed to connect to all addresses");
        for (at, (address, error)) in self.newest.iter().enumerate() {
            let joint = match at {
                0 => "; last error: ",
                1 => "; before it: ",
                _ => ", ",
            };
            // Writing to a string does not fail.
            let _ = write!(message, "{joint}{address}: {}", error.message());
        }
        match addresses.saturating_sub(self.newest.len()) {
            0 => {}
            others => {
                let _ = write!(message, ", and {others} more");
            }
        }
        if let Some(error) = &self.resolver_error {
            let _ = write!(message, "; {}", error.message());
        }
        Status::unavailable(with_note(message, &self.resolution_note))
    }
}
