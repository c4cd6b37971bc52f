//! The records of calls and of their attempts. Everything that depends on an end is here, and only
//! here.
//!
//! From the ground up: `traces`, the traces of one call; `messages`, which reports sent messages to
//! them; `pick`, the pick of an attempt; `progress`, what has happened to a call so far; `facts`, what is known
//! of a call from its start on, and which observers want it; `observed`, an observed call and its attempts;
//! `call`, the record of a call; and `attempt`, the record of an attempt.

mod traces;

mod messages;

mod pick;

mod progress;

mod facts;

mod observed;

mod call;

mod attempt;

pub(crate) use self::attempt::{AttemptEnd, AttemptRecord, SentData};
pub(crate) use self::call::CallRecord;
pub(crate) use self::facts::NewCall;
pub(crate) use self::observed::SpareCall;
pub(crate) use self::progress::AttemptKind;
