//! The texts of errors that more than one policy needs.

use trunkline_status::{Code, Status};

use crate::Update;

/// The error of an update that has no address.
pub(crate) fn zero_addresses(note: &str) -> Status {
    Status::unavailable(with_note(
        "name resolver error: produced zero addresses".to_owned(),
        note,
    ))
}

/// The error of a name that could not be resolved.
pub(crate) fn resolver_error(error: &Status) -> Status {
    let code = match error.code() {
        Code::Ok => Code::Unavailable,
        code => code,
    };
    Status::new(code, format!("name resolver error: {}", error.message()))
}

/// Adds what the resolver said about its list.
pub(crate) fn with_note(mut message: String, note: &str) -> String {
    if !note.is_empty() {
        message.push_str("; ");
        message.push_str(note);
    }
    message
}

/// Whether the update has any address at all.
pub(crate) fn has_addresses(update: &Update) -> bool {
    let mut endpoints = update.endpoints.iter();
    endpoints.any(|endpoint| !endpoint.addresses().is_empty())
}
