//! Faults put into words.

use alloc::boxed::Box;
use alloc::format;

use crate::ParseError;
use crate::error::Finding;
use crate::fault::Fault;
use crate::schemes::Schemes;

pub(crate) fn explain(text: &str, _schemes: Schemes<'_>, fault: Fault) -> ParseError {
    ParseError(Box::new(Finding {
        kind: fault.what.kind(),
        at: fault.at,
        message: format!(
            "expected {} at octet {} of `{text}`",
            fault.what.expected(),
            fault.at
        ),
        expected: fault.what.expected(),
        suggestion: None,
    }))
}
