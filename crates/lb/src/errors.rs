//! Errors for calls that several policies share.

use trunkline_status::{Code, Status};

/// Returns the error of an update without addresses.
pub(crate) fn zero_addresses(resolution_note: &str) -> Status {
    Status::unavailable(with_note(
        "name resolver error: produced zero addresses".to_owned(),
        resolution_note,
    ))
}

/// Returns the error of a failed name resolution.
pub(crate) fn resolver_error(error: &Status) -> Status {
    let code = match error.code() {
        Code::Ok => Code::Unavailable,
        code => code,
    };
    Status::new(code, format!("name resolver error: {}", error.message()))
}

/// Appends the resolver's note on its list, unless it is empty.
pub(crate) fn with_note(mut message: String, resolution_note: &str) -> String {
    if !resolution_note.is_empty() {
        message.push_str("; ");
        message.push_str(resolution_note);
    }
    message
}
