//! What went wrong, for the error that calls get.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_status::Status;

use super::slots::Slots;
use crate::errors::with_note;

/// How many addresses an error names.
const NAMED: usize = 5;

/// What went wrong since a connection stood last.
#[derive(Debug)]
pub(super) struct Failures {
    /// The newest failure of each address, newest first: the last few addresses.
    newest: VecDeque<(Address, Status)>,
    /// Why the list could not be renewed, since it last was.
    resolver_error: Option<Status>,
    /// What the resolver said about the list.
    note: Arc<str>,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            newest: VecDeque::new(),
            resolver_error: None,
            note: Arc::from(""),
        }
    }
}

impl Failures {
    /// Hears that an attempt has failed.
    pub(super) fn note(&mut self, address: &Address, error: Status) {
        self.newest
            .retain(|(known, _)| !known.same_connection(address));
        self.newest.truncate(NAMED - 1);
        self.newest.push_front((address.clone(), error));
    }

    /// Forgets addresses that are not in the list any more.
    pub(super) fn keep_only(&mut self, list: &[Address]) {
        let listed = |known: &Address| list.iter().any(|address| address.same_connection(known));
        self.newest.retain(|(known, _)| listed(known));
    }

    /// Something is connected.
    pub(super) fn clear(&mut self) {
        self.newest.clear();
    }

    /// Hears of a new list; whether there was an error of the resolver, which is over now.
    pub(super) fn handle_update(&mut self, note: Arc<str>) -> bool {
        self.note = note;
        self.resolver_error.take().is_some()
    }

    pub(super) fn handle_resolver_error(&mut self, error: Status) {
        self.resolver_error = Some(error);
    }

    pub(super) fn resolver_note(&self) -> &str {
        &self.note
    }

    /// The error of the resolver alone.
    pub(super) fn of_resolver(&self) -> Status {
        let error = self.resolver_error.clone();
        error.unwrap_or_else(|| Status::unavailable("the name has no addresses any more"))
    }

    /// The error for calls, when all `slots` have failed.
    pub(super) fn to_status(&self, slots: &Slots) -> Status {
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
        match slots.len().saturating_sub(self.newest.len()) {
            0 => {}
            others => {
                let _ = write!(message, ", and {others} more");
            }
        }
        if let Some(error) = &self.resolver_error {
            let _ = write!(message, "; {}", error.message());
        }
        Status::unavailable(with_note(message, &self.note))
    }
}
