//! The core through its public API, in virtual time. There is one file for each section of the
//! standards.

#![expect(
    clippy::disallowed_methods,
    reason = "a race in virtual time begins at some instant; the clock is not read again"
)]

mod peers_bugs;
mod properties;
mod rfc6724_s6;
mod rfc8305_s3;
mod rfc8305_s4;
mod rfc8305_s5;
mod rfc8305_s8;
mod round_trips;
mod virtual_time;
