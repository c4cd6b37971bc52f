//! The shell on a runtime that is a table, in virtual time: what it asks of the runtime, and when.

#![expect(
    clippy::disallowed_methods,
    reason = "a run in virtual time begins at some instant; the clock is not read again"
)]
mod errors;
mod fake;
mod handshake;
mod lookup;
mod race;
