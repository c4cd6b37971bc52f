//! Host names that are valid in DNS, but that no host has.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::address::addresses;
use super::list::OddityList;
use crate::candidates::as_list;
use crate::encode::decode_text;
use crate::host_port::{Form, HostPort, host_port};
use crate::repair::{clean, is_in_root, is_port, is_quote, is_separator};
use crate::split::scheme_end;
use crate::{ErrorKind, ip};

pub(super) fn dns(list: &mut OddityList<'_>, found: &HostPort) {
    let endpoint = list.target.endpoint();
    let host = found.host.text(&endpoint);
    if endpoint.starts_with('[') && found.form != Form::Ipv6 {
        list.add_slip(
            ErrorKind::Host,
            list.endpoint().start,
            format!("brackets around `{host}`, which is no IPv6 address"),
            "a name or IPv4 address without brackets",
            [list.with_endpoint(&endpoint.replace(['[', ']'], ""))],
        );
    }
    if found.form == Form::Name && !list.is_path() {
        name(list, host);
        service_name(list, host, found.port);
    }
    addresses(list);
}

pub(super) fn passthrough(list: &mut OddityList<'_>, found: Option<HostPort>) {
    if found.is_some() {
        return addresses(list);
    }
    list.add_remark(
        ErrorKind::Port,
        list.endpoint().end,
        String::from("no host and port: only a connector of one's own can dial it"),
        "`host:port`",
    );
}

/// Adds what is odd in a host name: DNS can look the name up, but probably no host has it.
pub(super) fn name(list: &mut OddityList<'_>, host: &str) {
    if host == "*" {
        return any_host(list);
    }
    let Some((offset, odd)) = unusual(host) else {
        return number(list, host);
    };
    let endpoint = list.target.endpoint();
    let offset = endpoint.find(host).unwrap_or_default() + offset;
    let text = list.target.as_str();
    let cleaned = clean(text);
    if !odd.is_ascii() && cleaned == text {
        return list.add_remark(
            ErrorKind::Host,
            list.at(offset),
            format!("`{host}` is asked for as it is: names are not translated by IDNA"),
            "the form of the name that begins with `xn--`",
        );
    }
    let mut candidates = meant_by(list, &endpoint, offset, odd);
    candidates.push(cleaned);
    list.add_slip(
        ErrorKind::Host,
        list.at(offset),
        format!("`{host}` holds `{odd}`, which is in no host's name"),
        "letters, digits, hyphens and dots",
        candidates,
    );
}

/// Finds the first character that no host name contains, and its byte offset.
pub(super) fn unusual(host: &str) -> Option<(usize, char)> {
    host.char_indices()
        .find(|&(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
}

/// Returns texts that may be meant by an endpoint with the character `odd` at `offset`.
fn meant_by(list: &OddityList<'_>, endpoint: &str, offset: usize, odd: char) -> Vec<String> {
    let mut whole = Vec::new();
    let mut endpoints = Vec::new();
    let path = endpoint.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let before = endpoint.get(..offset).unwrap_or_default();
    let after = endpoint.get(offset + odd.len_utf8()..).unwrap_or_default();
    if is_separator(odd) {
        whole.extend(as_list(endpoint));
    }
    // `localhost,80`
    if is_port(after) && odd != '/' {
        endpoints.push(Cow::from(format!("{before}:{after}")));
    }
    // `dns///orders:5000` lacks a colon.
    if let Some((scheme, rest)) = path.split_once("//")
        && scheme_end(format!("{scheme}:").as_bytes()).is_some()
    {
        whole.push(format!("{scheme}:///{}", rest.trim_start_matches('/')));
        endpoints.push(Cow::from(rest));
    }
    // `dns;///orders` was typed without the shift key.
    if odd == ';' {
        whole.push(list.target.as_str().replacen(';', ":", 1));
    }
    if is_in_root(path) {
        whole.push(format!("unix:/{path}"));
    }
    // `dns:8.8.8.8/orders`
    if host_port(first.as_bytes()).is_ok_and(|found| found.form != Form::Name) {
        whole.push(format!("dns://{path}"));
    }
    if let Some(name) = endpoint.strip_prefix('@')
        && !name.contains(':')
    {
        whole.push(format!("unix-abstract:{name}"));
    }
    endpoints.extend([
        Cow::from(path.rsplit('@').next().unwrap_or_default()),
        Cow::from(first),
        Cow::from(endpoint.trim_matches(is_separator)),
        Cow::from(endpoint.replace(' ', "")),
        Cow::from(endpoint.replace(is_quote, "")),
    ]);
    whole.extend(
        endpoints
            .iter()
            .map(|endpoint| list.with_endpoint(endpoint)),
    );
    whole
}

/// Warns of `*`, which some servers use for "listen on all addresses", as in `*:80`.
fn any_host(list: &mut OddityList<'_>) {
    let endpoint = list.target.endpoint();
    list.add_slip(
        ErrorKind::Host,
        list.endpoint().start,
        String::from("`*` is for servers to listen on, not to connect to"),
        "the name of a server",
        [list.with_endpoint(&endpoint.replacen('*', "localhost", 1))],
    );
}

/// Warns of the owner name of SRV records, such as `_grpc._tcp.orders`, which has no addresses.
fn service_name(list: &mut OddityList<'_>, host: &str, port: Option<u16>) {
    let mut labels = host.split('.');
    let is_service = labels.by_ref().take(2).all(|label| label.starts_with('_'))
        && labels.next().is_some()
        && port.is_none();
    if !is_service {
        return;
    }
    let authority = list.target.split().authority();
    let server = authority.map(|span| span.text(list.target.as_str()));
    list.add_slip(
        ErrorKind::Scheme,
        list.endpoint().start,
        format!("`{host}` is a name of SRV records, and looked up as that of a host"),
        "the scheme `srv` before such a name",
        [format!("srv://{}/{host}", server.unwrap_or_default())],
    );
}

/// Warns of a name whose last label is a number. DNS has no such names, so it is probably a
/// mistyped address.
fn number(list: &mut OddityList<'_>, host: &str) {
    let written = host;
    let host = host.trim_end_matches('.');
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.is_empty() || !last.bytes().all(|byte| byte.is_ascii_digit()) {
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
    let mut candidates = Vec::new();
    // `dns:5353` is read as the host 5353; a host named `dns` may be meant.
    if list.target.opaque().is_some() && !host.contains('.') {
        candidates.push(format!("dns:///{}", decode_text(list.target.as_str())));
    }
    // `010.0.0.1`, and `10.0.0.1.` as names may end.
    if ip::v4(without_zeros.as_bytes()).is_some() {
        candidates.push(list.with_endpoint(&endpoint.replacen(written, &without_zeros, 1)));
    }
    list.add_slip(
        ErrorKind::Host,
        list.endpoint().start,
        format!("`{host}` is looked up as a name, though it looks like a number"),
        "an IPv4 address of four numbers without leading zeros, or a name",
        candidates,
    );
}
