//! Unix sockets and vsock.

use alloc::format;
use alloc::string::String;

use super::List;
use crate::ErrorKind;
use crate::repair::is_in_root;

pub(super) fn unix(list: &mut List<'_>) {
    let path = list.target.path();
    let at = list.target.split().path().start;
    if path.ends_with('/') {
        list.slip(
            ErrorKind::Endpoint,
            list.target.split().path().end,
            format!("`{path}` is a folder"),
            "the path of a socket",
            [],
        );
    }
    if path.starts_with(['~', '$']) {
        list.slip(
            ErrorKind::Endpoint,
            at,
            format!("no shell reads `{path}`: it is taken for a path of that name"),
            "the path itself",
            [],
        );
    }
    if let Some(name) = path.strip_prefix('@') {
        list.slip(
            ErrorKind::Endpoint,
            at,
            format!("`{path}` is taken for a file of that name"),
            "the scheme `unix-abstract` for an abstract name",
            [format!("unix-abstract:{name}")],
        );
    }
    if is_in_root(&path) {
        list.slip(
            ErrorKind::Endpoint,
            at,
            format!("`{path}` is relative to the working folder"),
            "a slash before an absolute path",
            [format!("unix:/{path}")],
        );
    }
}

pub(super) fn unix_abstract(list: &mut List<'_>) {
    let name = list.target.path();
    let Some(rest) = name.strip_prefix(['@', '\0']) else {
        return;
    };
    list.slip(
        ErrorKind::Endpoint,
        list.target.split().path().start,
        String::from("the name's first character is part of it: the NUL is put in front anyway"),
        "the name alone",
        [format!("unix-abstract:{rest}")],
    );
}

pub(super) fn vsock(list: &mut List<'_>, cid: u32, port: u32) {
    if cid == u32::MAX || port == u32::MAX {
        list.slip(
            ErrorKind::Host,
            list.endpoint().start,
            String::from("4294967295 stands for any, which is for servers to listen on"),
            "a context id and a port",
            [],
        );
    }
}
