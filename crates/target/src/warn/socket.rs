//! Unix sockets and vsock addresses.

use alloc::format;
use alloc::string::String;

use super::list::OddityList;
use crate::ErrorKind;
use crate::bytes::{Span, byte_at};
use crate::repair::is_in_root;

pub(super) fn unix(list: &mut OddityList<'_>) {
    let path = list.target.path();
    let span = list.target.split().path();
    let written = span.text(list.target.as_str());
    if path.ends_with('/') {
        list.add_slip(
            ErrorKind::Endpoint,
            span.end,
            format!("`{written}` is a folder"),
            "the path of a socket",
            [],
        );
    }
    if path.starts_with(['~', '$']) {
        list.add_slip(
            ErrorKind::Endpoint,
            span.start,
            format!("no shell reads `{written}`: it is taken for a path of that name"),
            "the path itself",
            [],
        );
    }
    if path.starts_with('@') {
        list.add_slip(
            ErrorKind::Endpoint,
            span.start,
            format!("`{written}` is taken for a file of that name"),
            "the scheme `unix-abstract` for an abstract name",
            [list.with(Span::new(0, first_byte(list).end), "unix-abstract:")],
        );
    }
    if is_in_root(&path) {
        list.add_slip(
            ErrorKind::Endpoint,
            span.start,
            format!("`{written}` is relative to the working folder"),
            "a slash before an absolute path",
            [list.with(Span::new(span.start, span.start), "/")],
        );
    }
}

pub(super) fn unix_abstract(list: &mut OddityList<'_>) {
    if !list.target.path().starts_with(['@', '\0']) {
        return;
    }
    let first = first_byte(list);
    list.add_slip(
        ErrorKind::Endpoint,
        first.start,
        String::from("the name's first character is part of it: the NUL is put in front anyway"),
        "the name alone",
        [list.with(first, "")],
    );
}

/// Returns the range of the first byte of the path, which may be escaped.
fn first_byte(list: &OddityList<'_>) -> Span {
    let path = list.target.split().path();
    let bytes = path.of(list.target.as_str().as_bytes());
    Span::new(path.start, path.start + byte_at(bytes, 0).1)
}

pub(super) fn vsock(list: &mut OddityList<'_>, cid: u32, port: u32) {
    if cid == u32::MAX || port == u32::MAX {
        list.add_slip(
            ErrorKind::Host,
            list.endpoint().start,
            String::from("4294967295 means any context id or port, for servers to listen on"),
            "a context id and a port",
            [],
        );
    }
}
