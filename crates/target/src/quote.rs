//! Quoting parts of a target in messages.

use alloc::format;
use alloc::string::String;

/// Escapes the control characters in a message. It may quote some, because a target may contain
/// those above U+007F, and they would control the terminal.
pub(crate) fn printable(message: String) -> String {
    if message.contains(char::is_control) {
        message.chars().map(as_printed).collect()
    } else {
        message
    }
}

fn as_printed(c: char) -> String {
    if c.is_control() {
        c.escape_unicode().collect()
    } else {
        String::from(c)
    }
}

/// Returns a part of a text, cut if it is too long for a message.
pub(crate) fn shown(part: &str) -> String {
    const LONGEST: usize = 80;
    match prefix(part, LONGEST) {
        whole if whole.len() == part.len() => String::from(whole),
        beginning => format!("{beginning}…"),
    }
}

/// Returns the first `count` characters.
pub(crate) fn prefix(text: &str, count: usize) -> &str {
    let end = text
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}
