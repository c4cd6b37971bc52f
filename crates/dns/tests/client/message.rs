//! Messages of servers, right or wrong.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use trunkline_dns::Transport;

use crate::sim::{Act, Acts};

pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SRV: u16 = 33;
pub(crate) const OPT: u16 = 41;

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A query, as a server reads it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) server: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) socket: u32,
    pub(crate) id: u16,
    /// In the letter case that was sent, with a dot at the end.
    pub(crate) name: String,
    pub(crate) code: u16,
    pub(crate) edns: bool,
    /// The COOKIE option.
    pub(crate) cookie: Option<Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
    /// The offset of the end of the question.
    pub(crate) end: usize,
}

impl Asked {
    pub(crate) fn read(
        server: SocketAddr,
        transport: Transport,
        socket: u32,
        bytes: &[u8],
    ) -> Self {
        let mut name = String::new();
        let mut at = 12;
        while bytes[at] != 0 {
            let label = &bytes[at + 1..at + 1 + usize::from(bytes[at])];
            name.push_str(std::str::from_utf8(label).expect("our names are ASCII"));
            name.push('.');
            at += 1 + label.len();
        }
        let end = at + 5;
        let edns = bytes[11] == 1;
        let cookie = (edns && bytes.len() > end + 11).then(|| bytes[end + 15..].to_vec());
        Self {
            server,
            transport,
            socket,
            id: u16::from_be_bytes([bytes[0], bytes[1]]),
            name,
            code: u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]),
            edns,
            cookie,
            bytes: bytes.to_vec(),
            end,
        }
    }

    /// Returns a reply of a recursive server, without records.
    pub(crate) fn reply(&self) -> Message {
        let mut bytes = self.bytes[..self.end].to_vec();
        bytes[2] = 0x81;
        bytes[3] = 0x80;
        bytes[6..12].fill(0);
        Message {
            bytes,
            opt: self.edns.then(Vec::new),
            high_rcode: 0,
        }
    }

    /// Returns a reply with one address of the type that was asked for: 192.0.2.`last` or
    /// 2001:db8::`last`.
    pub(crate) fn address(&self, last: u8) -> Message {
        match self.code {
            A => self.reply().answer(&self.name, A, 300, &[192, 0, 2, last]),
            AAAA => self.reply().answer(&self.name, AAAA, 300, &v6(last)),
            _ => self.reply(),
        }
    }

    pub(crate) fn rcode(&self, rcode: u8) -> Message {
        self.reply().rcode(rcode)
    }

    /// Returns NXDOMAIN with an SOA record.
    pub(crate) fn nxdomain(&self) -> Message {
        self.rcode(3).soa("test.", 60, 30)
    }

    /// Returns NOERROR without answers, with an SOA record.
    pub(crate) fn no_data(&self) -> Message {
        self.reply().soa("test.", 60, 30)
    }
}

pub(crate) fn v6(last: u8) -> [u8; 16] {
    let mut octets = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).octets();
    octets[15] = last;
    octets
}

pub(crate) fn ip4(last: u8) -> String {
    Ipv4Addr::new(192, 0, 2, last).to_string()
}

pub(crate) fn ip6(last: u8) -> String {
    Ipv6Addr::from(v6(last)).to_string()
}

/// A message under construction. Fill the sections in their order.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    /// The data of the OPT record; `None` for a message without one.
    opt: Option<Vec<u8>>,
    high_rcode: u8,
}

/// Returns a name as it is on the wire, uncompressed; `.` is the root.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
    [numbers, wire(target)].concat()
}

impl Message {
    /// Adds bytes to a section (6: answer, 8: authority, 10: additional), as one record.
    pub(crate) fn raw(mut self, section: usize, record: &[u8]) -> Self {
        self.bytes.extend_from_slice(record);
        let count = u16::from_be_bytes([self.bytes[section], self.bytes[section + 1]]) + 1;
        self.bytes[section..section + 2].copy_from_slice(&count.to_be_bytes());
        self
    }

    fn record(
        self,
        section: usize,
        name: &str,
        code: u16,
        class: u16,
        ttl: u32,
        data: &[u8],
    ) -> Self {
        let length = u16::try_from(data.len()).expect("short data");
        let mut record = wire(name);
        record.extend_from_slice(&code.to_be_bytes());
        record.extend_from_slice(&class.to_be_bytes());
        record.extend_from_slice(&ttl.to_be_bytes());
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(data);
        self.raw(section, &record)
    }

    pub(crate) fn answer(self, name: &str, code: u16, ttl: u32, data: &[u8]) -> Self {
        self.record(6, name, code, 1, ttl, data)
    }

    pub(crate) fn answer_of_class(self, class: u16, name: &str, code: u16, data: &[u8]) -> Self {
        self.record(6, name, code, class, 300, data)
    }

    pub(crate) fn cname(self, name: &str, ttl: u32, target: &str) -> Self {
        self.answer(name, CNAME, ttl, &wire(target))
    }

    pub(crate) fn additional(self, name: &str, code: u16, data: &[u8]) -> Self {
        self.record(10, name, code, 1, 300, data)
    }

    pub(crate) fn authority(self, name: &str, code: u16, data: &[u8]) -> Self {
        self.record(8, name, code, 1, 300, data)
    }

    pub(crate) fn soa(self, zone: &str, ttl: u32, minimum: u32) -> Self {
        let numbers = [1, 2, 3, 4, minimum].map(u32::to_be_bytes).concat();
        let data = [wire("ns.test."), wire("root.test."), numbers].concat();
        self.record(8, zone, SOA, 1, ttl, &data)
    }

    pub(crate) fn rcode(mut self, rcode: u8) -> Self {
        self.bytes[3] = self.bytes[3] & 0xf0 | rcode & 15;
        self.high_rcode = rcode >> 4;
        self
    }

    /// Replaces the bytes at an offset: 0 is the id, 2 and 3 are the flags, 4 to 11 the counts.
    pub(crate) fn patch(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn truncated(mut self) -> Self {
        self.bytes[2] |= 2;
        self
    }

    pub(crate) fn no_opt(mut self) -> Self {
        self.opt = None;
        self
    }

    pub(crate) fn opt_data(mut self, data: &[u8]) -> Self {
        self.opt = Some(data.to_vec());
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let Some(data) = &self.opt else {
            return self.bytes.clone();
        };
        let mut record = vec![0, 0, OPT as u8, 4, 208, self.high_rcode, 0, 0, 0];
        let length = u16::try_from(data.len()).expect("short data");
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(data);
        self.clone().raw(10, &record).bytes
    }

    /// Returns the action that sends the message after a delay in milliseconds.
    pub(crate) fn after(&self, millis: u64) -> Acts {
        vec![(ms(millis), Act::Send(self.build()))]
    }
}
