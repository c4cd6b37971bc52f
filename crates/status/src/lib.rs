#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod code;
mod message;
mod status;
mod text;

pub use crate::code::{Code, UnknownCode};
pub use crate::message::{decode_message, encode_message};
pub use crate::status::Status;
