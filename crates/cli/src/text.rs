//! Makes texts from outside safe to print: a server's message, a name or a file may contain
//! characters that control a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns true for a character that is not shown as itself: it moves the cursor, starts an escape
/// sequence, ends a line, changes the direction of the text, or is invisible.
///
/// Source: [Unicode, categories Cc, Zl and Zp](https://www.unicode.org/reports/tr44/#General_Category_Values)
/// and [UAX #9, directional formatting characters](https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
/// Not all of the category Cf: the joiners U+200C and U+200D are part of words and emoji.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns the text with each control character replaced by its escape, such as `\n` or `\u{1b}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    replace(text, |c, escaped| {
        escaped.extend(c.escape_default());
    })
}

/// Returns JSON text with each control character replaced by its escape in JSON, such as `\u009b`.
///
/// The value stays the same: in compact JSON such characters occur only in strings.
pub(crate) fn visible_json(json: &str) -> Cow<'_, str> {
    replace(json, |c, escaped| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

fn replace(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_control(c) {
            escape(c, &mut escaped);
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Controls of a terminal and of the text's direction are escaped; other text stays.
    #[test]
    fn controls_are_escaped() {
        for (text, expected) in [
            ("plain: caf\u{e9} \u{1f469}\u{200d}\u{1f680} \\", None),
            ("\x1b[2J", Some("\\u{1b}[2J")),
            ("a\r\n\tb\u{7}\0", Some("a\\r\\n\\tb\\u{7}\\u{0}")),
            ("\u{7f}\u{85}\u{9b}31m", Some("\\u{7f}\\u{85}\\u{9b}31m")),
            (
                "\u{202e}a\u{2066}b\u{200f}c\u{2028}",
                Some("\\u{202e}a\\u{2066}b\\u{200f}c\\u{2028}"),
            ),
            ("\u{e0041}", Some("\\u{e0041}")),
        ] {
            assert_eq!(visible(text), expected.unwrap_or(text));
        }
    }

    /// JSON has its own escapes, and the same value as before.
    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "a\u{9b}": "\u{1b}\n\u{7f}\u{202e}\u{e0041}\\u009b" });
        let json = value.to_string();
        let escaped = visible_json(&json);
        assert!(!escaped.contains(is_control), "{escaped}");
        assert!(escaped.contains("\\udb40\\udc41"), "{escaped}");
        let read: serde_json::Value = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(read, value);
    }
}
