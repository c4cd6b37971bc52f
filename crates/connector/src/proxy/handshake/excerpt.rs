//! What the body of a refusal has for a reader.

use crate::proxy::error::readable;

/// The elements of a page whose contents are not for readers.
const HIDDEN: [&[u8]; 3] = [b"head", b"style", b"script"];

/// Returns the start of a body as text, at most `limit` characters. Of a page in HTML or XML, it is
/// the text without the tags, the head, styles and scripts: proxies send pages for browsers.
pub(super) fn excerpt(body: &[u8], limit: usize) -> Box<str> {
    if body.trim_ascii_start().starts_with(b"<") {
        readable(&without_tags(body), limit)
    } else {
        readable(body, limit)
    }
}

fn without_tags(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = body;
    while let Some(start) = rest.iter().position(|byte| *byte == b'<') {
        text.extend_from_slice(&rest[..start]);
        // Tags separate words.
        text.push(b' ');
        let tag = &rest[start..];
        let Some(end) = end_of(tag) else {
            return text;
        };
        rest = &tag[end..];
    }
    text.extend_from_slice(rest);
    text
}

/// Returns where a tag ends that `text` begins with: together with its contents, if they are hidden.
/// `None` if the end has not arrived.
fn end_of(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"<!--") {
        return find(text, b"-->");
    }
    let name = text[1..]
        .split(|byte| !byte.is_ascii_alphanumeric())
        .next()?;
    if HIDDEN
        .iter()
        .any(|hidden| name.eq_ignore_ascii_case(hidden))
    {
        let closing = [b"</", name].concat();
        let at = find(text, &closing)?;
        return Some(at + find(&text[at..], b">")?);
    }
    find(text, b">")
}

/// Returns where the first `wanted` in `text` ends; upper and lower case are the same.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut windows = text.windows(wanted.len());
    let start = windows.position(|window| window.eq_ignore_ascii_case(wanted))?;
    Some(start + wanted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a page, only what a browser shows is quoted; other texts are quoted as they are.
    #[test]
    fn pages_are_quoted_without_tags() {
        for (body, expected) in [
            (&b"no route"[..], "no route"),
            (b"a < b > c", "a < b > c"),
            (b"<p>no <b>route</b></p>", "no route"),
            (
                b"<?xml version=\"1.0\"?><!DOCTYPE html>\n<HTML><HEAD><title>403</title>\n<style>p \
                  {}</style></head><body><h1>Access violation</h1>\n<!-- <p>hidden</p> --><p>by \
                  rule</p></body></HTML>",
                "Access violation by rule",
            ),
            (b"<style>a > b {}</style>x<script>1 < 2</script >y", "x y"),
            (b"<html><head><title>cut", ""),
            (b"<p>cut <a hre", "cut"),
            (b"<", ""),
            (b"<>x", "x"),
        ] {
            assert_eq!(&*excerpt(body, 200), expected, "{}", body.escape_ascii());
        }
        assert_eq!(&*excerpt(b"<p>abc</p>def", 5), "abc d...");
    }
}
