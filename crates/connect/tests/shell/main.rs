//! The shell in virtual time, on a runtime that a table describes: which calls it makes to the
//! runtime, and when.

#![expect(
    clippy::disallowed_methods,
    reason = "a run in virtual time begins at some instant; the clock is not read again"
)]
mod errors;
mod fake;
mod handshake;
mod lookup;
mod race;
