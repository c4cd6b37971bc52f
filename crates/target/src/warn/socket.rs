//! Unix sockets and vsock.

use alloc::format;
use alloc::string::String;

use super::List;
use crate::ErrorKind;
use crate::repair::ROOT_FOLDERS;

pub(super) fn unix(list: &mut List<'_>) {
    let path = list.target.path();
    let at = list.target.split().path().start;
    if path.ends_with('/') {
        list.push(
            ErrorKind::Endpoint,
            list.target.split().path().end,
            format!("`{path}` is a folder"),
            "the path of a socket",
            [],
        );
    }
    if path.starts_with('~') {
        list.push(
            ErrorKind::Endpoint,
            at,
            String::from("`~` is no shell's here: it is taken for a folder of that name"),
            "the home folder's path",
            [],
        );
    }
    if let Some(name) = path.strip_prefix('@') {
        list.push(
            ErrorKind::Endpoint,
            at,
            format!("`{path}` is taken for a file of that name"),
            "the scheme `unix-abstract` for an abstract name",
            [format!("unix-abstract:{name}")],
        );
    }
    if let Some((folder, _)) = path.split_once('/')
        && ROOT_FOLDERS.contains(&folder)
    {
        list.push(
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
    list.push(
        ErrorKind::Endpoint,
        list.target.split().path().start,
        String::from("the name's first character is part of it: the NUL is put in front anyway"),
        "the name alone",
        [format!("unix-abstract:{rest}")],
    );
}

pub(super) fn vsock(list: &mut List<'_>, cid: u32, port: u32) {
    if cid == u32::MAX || port == u32::MAX {
        list.push(
            ErrorKind::Host,
            list.endpoint().start,
            String::from("4294967295 stands for any, which is for servers to listen on"),
            "a context id and a port",
            [],
        );
    }
}
