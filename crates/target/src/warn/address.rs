//! IP addresses: those that no server has, and ports that are read as part of an address.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::list::OddityList;
use crate::host_port::host_port;
use crate::repair::is_v6;
use crate::{ErrorKind, ip};

/// Checks the addresses of a list, or a single one.
pub(super) fn addresses(list: &mut OddityList<'_>) {
    first(list, swallowed_port);
    first(list, unspecified);
    first(list, port_zero);
}

/// An odd place in an address.
struct Odd {
    kind: ErrorKind,
    /// Byte offset in the address.
    at: usize,
    message: String,
    expected: &'static str,
    /// The address that may be meant.
    meant: Option<String>,
}

/// Adds a probable mistake for the first address in which `odd` finds one. The candidate has all
/// addresses corrected.
fn first(list: &mut OddityList<'_>, odd: fn(&str) -> Option<Odd>) {
    let endpoint = list.target.endpoint();
    let mut start = 0;
    for address in endpoint.split(',') {
        if let Some(found) = odd(address) {
            let corrected = |address| match odd(address).and_then(|odd| odd.meant) {
                Some(meant) => Cow::from(meant),
                None => Cow::from(address),
            };
            let all = endpoint
                .split(',')
                .map(corrected)
                .collect::<Vec<_>>()
                .join(",");
            let candidate = found.meant.is_some().then(|| list.with_endpoint(&all));
            let at = list.at(start + found.at);
            return list.add_slip(found.kind, at, found.message, found.expected, candidate);
        }
        start += address.len() + 1;
    }
}

/// Finds an address such as `::1:443`: its last group was probably meant as a port.
fn swallowed_port(text: &str) -> Option<Odd> {
    const COMMON: [&str; 8] = ["80", "443", "3000", "5000", "8000", "8080", "8443", "9090"];
    let (address, port) = text.rsplit_once(':')?;
    if !is_v6(address) || !COMMON.contains(&port) {
        return None;
    }
    Some(Odd {
        kind: ErrorKind::Port,
        at: address.len() + 1,
        message: format!("the port in `{text}` is read as part of the address"),
        expected: "brackets around an IPv6 address that a port follows",
        meant: Some(format!("[{address}]:{port}")),
    })
}

/// Finds the unspecified address, on which servers listen on all interfaces.
fn unspecified(text: &str) -> Option<Odd> {
    let found = host_port(text.as_bytes()).ok()?;
    let host = found.host.text(text);
    let loopback = match ip::any(host.as_bytes())? {
        ip if !ip.is_unspecified() => return None,
        IpAddr::V4(_) => "127.0.0.1",
        IpAddr::V6(_) => "::1",
    };
    Some(Odd {
        kind: ErrorKind::Host,
        at: 0,
        message: format!("`{host}` is for servers to listen on, not to connect to"),
        expected: "the address of a server",
        meant: Some(text.replacen(host, loopback, 1)),
    })
}

fn port_zero(text: &str) -> Option<Odd> {
    if host_port(text.as_bytes()).ok()?.port != Some(0) {
        return None;
    }
    Some(Odd {
        kind: ErrorKind::Port,
        at: text.rfind(':')? + 1,
        message: String::from("nothing listens on port 0"),
        expected: "a port from 1 to 65535",
        meant: None,
    })
}
