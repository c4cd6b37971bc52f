//! The hosts file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::name::MAX_TEXT;
use crate::{Name, ScopedIp};

/// The maximum number of names that are kept; block lists of half a million names fit.
const MAX_ENTRIES: usize = 1_000_000;

/// The contents of a hosts file: names and their addresses.
///
/// Several lines with one name add up. Parsing never fails: a line or a name that cannot be read is
/// left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// By name in lower case, without a dot at the end.
    entries: BTreeMap<Box<str>, Vec<HostEntry>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostEntry {
    ip: IpAddr,
    /// The interface of a link-local address, by name or by number.
    zone: Option<Box<str>>,
}

impl Hosts {
    /// Parses the text of a file, which may have any bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_dns::{Hosts, Name};
    ///
    /// let hosts = Hosts::parse(b"127.0.0.1 localhost\n10.0.0.7\tOrders orders.prod # ours\r\n");
    /// let found = hosts.get(&Name::parse("orders")?, |_| None);
    /// assert_eq!(found.unwrap()[0].to_string(), "10.0.0.7");
    /// # Ok::<(), trunkline_dns::NameError>(())
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut hosts = Self::default();
        let mut count = 0;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for line in text.split(|&byte| byte == b'\n') {
            let end = line.iter().position(|byte| matches!(byte, b'#' | 0));
            let line = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
            let mut words = line.split_ascii_whitespace();
            let Some(entry) = words.next().and_then(HostEntry::parse) else {
                continue;
            };
            for word in words {
                let word = word.strip_suffix('.').unwrap_or(word);
                if word.is_empty() || word.len() > MAX_TEXT || count >= MAX_ENTRIES {
                    continue;
                }
                count += 1;
                let list = hosts
                    .entries
                    .entry(word.to_ascii_lowercase().into())
                    .or_default();
                if !list.contains(&entry) {
                    list.push(entry.clone());
                }
            }
        }
        hosts
    }

    /// Returns the addresses of `name` in the order of the file; `None` where the file does not
    /// have the name.
    ///
    /// `interface` returns the index of an interface by its name, for link-local addresses. An
    /// address whose interface is not known is left out.
    pub fn get(
        &self,
        name: &Name,
        interface: impl Fn(&str) -> Option<u32>,
    ) -> Option<Vec<ScopedIp>> {
        let mut key = name.to_string();
        key.make_ascii_lowercase();
        let entries = self.entries.get(key.strip_suffix('.').unwrap_or(&key))?;
        let addresses = entries.iter().filter_map(|entry| {
            let scope_id = match &entry.zone {
                None => 0,
                Some(zone) => zone.parse().ok().or_else(|| interface(zone))?,
            };
            Some(ScopedIp {
                ip: entry.ip,
                scope_id,
            })
        });
        Some(addresses.collect())
    }

    /// Returns whether the file has no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl HostEntry {
    fn parse(word: &str) -> Option<Self> {
        let (ip, zone) = match word.split_once('%') {
            Some((ip, zone)) => (ip, Some(zone)),
            None => (word, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        let zone = match zone {
            Some("") => return None,
            Some(zone) if ip.is_ipv6() => Some(zone.into()),
            _ => None,
        };
        Some(Self { ip, zone })
    }
}
