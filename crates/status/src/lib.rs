#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up, where a module uses only those named before it: code, message, text; status.
mod code;
mod message;
mod status;
mod text;

pub use crate::code::{Code, UnknownCode};
pub use crate::message::{decode_message, encode_message};
pub use crate::status::Status;
