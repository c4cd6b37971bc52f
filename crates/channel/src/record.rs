//! The records of calls and of their attempts. Everything that depends on an end is here, and only
//! here.
//!
//! From the ground up: `traces`, the traces of one call; `messages`, which reports sent messages to
//! them; `facts`, what is known of an observed call and of its attempts; `call`, the record of a
//! call; and `attempt`, the record of an attempt.

mod traces;

mod messages;

mod facts;

mod call;

mod attempt;

pub(crate) use self::attempt::{AttemptEnd, AttemptRecord, SentData};
pub(crate) use self::call::CallRecord;
pub(crate) use self::facts::{AttemptKind, SpareCall};
