//! Hosts: names that are none, ports that were swallowed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::List;
use crate::ErrorKind;
use crate::encode::decode_text;
use crate::host_port::{Form, HostPort};
use crate::ip;
use crate::octets::raw_index;
use crate::repair::{clean, is_v6};
use crate::split::scheme_end;
use crate::suggest::as_list;

pub(super) fn dns(list: &mut List<'_>, found: &HostPort) {
    let endpoint = list.target.endpoint();
    let host = found.host.text(&endpoint);
    if endpoint.starts_with('[') && found.form != Form::Ipv6 {
        list.push(
            ErrorKind::Host,
            list.endpoint().start,
            format!("brackets around `{host}`, which is no IPv6 address"),
            "a name or IPv4 address without brackets",
            [list.with_endpoint(&endpoint.replace(['[', ']'], ""))],
        );
    }
    match ip::any(host.as_bytes()) {
        Some(ip) => {
            swallowed_ports(list);
            unspecified(list, ip, host);
        }
        None if super::parts::is_path(list.target) => {}
        None => name(list, host),
    }
    if found.port == Some(0) {
        list.push(
            ErrorKind::Port,
            list.endpoint().end - 1,
            String::from("nothing listens on port 0"),
            "a port from 1 to 65535",
            [],
        );
    }
}

/// Warns of `::1:443`: an address with groups left out, and hardly what was meant.
pub(super) fn swallowed_ports(list: &mut List<'_>) {
    const COMMON: [&str; 8] = ["80", "443", "3000", "5000", "8000", "8080", "8443", "9090"];
    let swallowed = |element: &str| {
        let (address, port) = element.rsplit_once(':')?;
        let found = is_v6(address) && COMMON.contains(&port);
        found.then(|| (format!("[{address}]:{port}"), port.len()))
    };
    let endpoint = list.target.endpoint();
    let repaired: Vec<String> = endpoint
        .split(',')
        .map(|element| swallowed(element).map_or_else(|| element.to_string(), |(whole, _)| whole))
        .collect();
    let repaired = list.with_endpoint(&repaired.join(","));
    let mut end = 0;
    for element in endpoint.split(',') {
        end += element.len();
        if let Some((_, port)) = swallowed(element) {
            let raw = list.endpoint().text(list.target.as_str());
            list.push(
                ErrorKind::Port,
                list.endpoint().start + raw_index(raw.as_bytes(), end - port),
                format!("the port in `{element}` is read as part of the address"),
                "brackets around an IPv6 address that a port follows",
                [repaired.clone()],
            );
        }
        end += 1;
    }
}

/// The address on which servers listen that want to be reached by any.
fn unspecified(list: &mut List<'_>, ip: IpAddr, host: &str) {
    if !ip.is_unspecified() {
        return;
    }
    let loopback = if ip.is_ipv4() { "127.0.0.1" } else { "::1" };
    list.push(
        ErrorKind::Host,
        list.endpoint().start,
        format!("`{host}` is for servers to listen on, not to connect to"),
        "the address of a server",
        [list.with_endpoint(&list.target.endpoint().replacen(host, loopback, 1))],
    );
}

/// What DNS can ask for, and no host has as its name.
pub(super) fn name(list: &mut List<'_>, host: &str) {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let Some((offset, odd)) = host.char_indices().find(|&(_, c)| !usual(c)) else {
        return number(list, host);
    };
    let raw = list.endpoint().text(list.target.as_str());
    let in_endpoint = list.target.endpoint().find(host).unwrap_or_default() + offset;
    let at = list.endpoint().start + raw_index(raw.as_bytes(), in_endpoint);
    if !odd.is_ascii() {
        list.push(
            ErrorKind::Host,
            at,
            format!("`{host}` is asked for as it is: names are not translated by IDNA"),
            "the form of the name that begins with `xn--`",
            [],
        );
        return;
    }
    let endpoint = list.target.endpoint();
    let slashes = endpoint.trim_start_matches('/');
    let candidates = if odd == ',' {
        let [four, six] = as_list(&endpoint);
        let none = String::new;
        [four, six, none(), none(), none(), none()]
    } else {
        [
            // `dns///orders:5000` lacks a colon.
            match slashes.split_once("//") {
                Some((scheme, rest)) if scheme_end(format!("{scheme}:").as_bytes()).is_some() => {
                    format!("{scheme}:///{}", rest.trim_start_matches('/'))
                }
                _ => String::new(),
            },
            // `localhost;80` and `dns;///orders` were typed without the shift key.
            match odd {
                ';' => list.target.as_str().replacen(';', ":", 1),
                _ => String::new(),
            },
            list.with_endpoint(slashes.rsplit('@').next().unwrap_or_default()),
            list.with_endpoint(slashes.split('/').next().unwrap_or_default()),
            list.with_endpoint(&endpoint.replace(' ', "")),
            clean(list.target.as_str()),
        ]
    };
    list.push(
        ErrorKind::Host,
        at,
        format!("`{host}` holds `{odd}`, which is in no host's name"),
        "letters, digits, hyphens and dots",
        candidates.map(|candidate| {
            if names_are_usual(&candidate) {
                candidate
            } else {
                String::new()
            }
        }),
    );
}

/// Whether a repair leaves nothing to repair.
fn names_are_usual(candidate: &str) -> bool {
    crate::TargetRef::parse(candidate).is_ok_and(|target| {
        let endpoint = target.endpoint();
        !endpoint.contains([' ', '/', '@']) && (target.scheme() != "dns" || !endpoint.contains(','))
    })
}

/// A name that ends in a number: DNS has none, so it is an address with a slip.
fn number(list: &mut List<'_>, host: &str) {
    let host = host.trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.is_empty() || !last.bytes().all(|octet| octet.is_ascii_digit()) {
        return;
    }
    let endpoint = list.target.endpoint();
    let without_zeros = host
        .split('.')
        .map(|label| match label.trim_start_matches('0') {
            "" => "0",
            label => label,
        })
        .collect::<Vec<_>>()
        .join(".");
    // `dns:5353` is read as host 5353 where a host of the name `dns` may be meant.
    let opaque = list.target.opaque().is_some() && !host.contains('.');
    let as_host = if opaque {
        decode_text(list.target.as_str()).into_owned()
    } else {
        String::new()
    };
    list.push(
        ErrorKind::Host,
        list.endpoint().start,
        format!("`{host}` is looked up as a name, though it looks like a number"),
        "an IPv4 address of four numbers without leading zeros, or a name",
        [
            if opaque {
                format!("dns:///{as_host}")
            } else {
                String::new()
            },
            if host == without_zeros || host.split('.').count() != 4 {
                String::new()
            } else {
                list.with_endpoint(&endpoint.replacen(host, &without_zeros, 1))
            },
        ],
    );
}
