//! The core under events in any order.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use trunkline_dns::engine::{Lookup, Memory, Output, Question, Settings, SocketId};
use trunkline_dns::{ClientConfig, Families, Name, ResolvConf};

use crate::Octets;

/// What the driver of a lookup knows, and checks.
struct Driver {
    lookup: Lookup,
    memory: Memory,
    now: Instant,
    /// Open sockets: whether they are connections, and the last that was sent.
    sockets: BTreeMap<SocketId, (bool, Vec<u8>)>,
    outputs: usize,
}

impl Driver {
    fn new(conf: &[u8], now: Instant) -> Self {
        let config = ClientConfig::with_servers(vec![
            "10.0.0.1:53".parse().expect("an address"),
            "10.0.0.2:53".parse().expect("an address"),
        ]);
        let config = config.cache(16).cookies(conf.len() % 2 == 1);
        let conf = ResolvConf::parse(conf);
        let settings = Settings::new(&config.search(conf.search.clone()), &conf, |_| None);
        let mut memory = Memory::new(settings, [7; 32]);
        let name = Name::parse("a.test").expect("a name");
        let plan = memory.plan(Question::addresses(name, Families::Both), now);
        Self {
            lookup: Lookup::new("a.test", plan, now),
            memory,
            now,
            sockets: BTreeMap::new(),
            outputs: 0,
        }
    }

    /// Performs all outputs, and checks that they make sense.
    fn perform(&mut self) {
        let mut count = 0;
        while let Some(output) = self.lookup.poll_output() {
            count += 1;
            assert!(count < 100, "one event has bounded consequences");
            match output {
                Output::OpenUdp { socket, .. } => {
                    assert!(self.sockets.insert(socket, (false, Vec::new())).is_none());
                }
                Output::OpenTcp { socket, .. } => {
                    assert!(self.sockets.insert(socket, (true, Vec::new())).is_none());
                }
                Output::Send { socket, bytes } => {
                    let open = self
                        .sockets
                        .get_mut(&socket)
                        .expect("sent over an open socket");
                    open.1 = bytes;
                }
                Output::Close { socket } => drop(self.sockets.remove(&socket)),
                Output::Report(report) => self.memory.handle_report(report, self.now),
                _ => {}
            }
        }
        self.outputs += count;
        assert!(self.sockets.len() <= 6, "few sockets at a time");
        let over = self.lookup.result().is_some();
        assert_eq!(over, self.lookup.poll_timeout().is_none());
        assert!(!over || self.sockets.is_empty(), "all is closed at the end");
    }

    fn event(&mut self, octets: &mut impl Iterator<Item = u8>) {
        let (kind, what) = (octets.next().unwrap_or(0), octets.next().unwrap_or(0));
        self.now += Duration::from_millis(u64::from(what) * 3);
        let target = self
            .sockets
            .iter()
            .nth(usize::from(what) % self.sockets.len().max(1));
        let Some((&socket, (tcp, sent))) = target else {
            self.lookup.handle_timeout(self.now);
            return;
        };
        let reply = reply(
            if *tcp {
                sent.get(2..).unwrap_or(&[])
            } else {
                sent
            },
            kind,
            octets,
        );
        match (kind % 8, *tcp) {
            (0, _) => self.lookup.handle_timeout(self.now),
            (1, _) => {
                let kind = io::ErrorKind::ConnectionRefused;
                self.lookup.handle_failed(socket, kind, self.now);
            }
            (2, true) => self.lookup.handle_closed(socket, self.now),
            (_, true) => {
                let length = u16::try_from(reply.len()).unwrap_or(u16::MAX);
                let framed = [&length.to_be_bytes(), &reply[..]].concat();
                let cut = usize::from(what) % (framed.len() + 1);
                self.lookup.handle_stream(socket, &framed[..cut], self.now);
                self.lookup.handle_stream(socket, &framed[cut..], self.now);
            }
            (_, false) => self
                .lookup
                .handle_datagram(socket, &reply, kind % 16 == 3, self.now),
        }
    }
}

/// Something like a reply to a query: right, damaged, or with records that are not asked for.
fn reply(query: &[u8], kind: u8, octets: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut reply = query.to_vec();
    if reply.len() > 12 {
        reply[2] = if kind & 16 == 0 { 0x81 } else { 0x83 };
        reply[3] = 0x80 | octets.next().unwrap_or(0) & 7;
        // The OPT record is cut off, so that an answer may follow the question.
        let end = reply[12..]
            .iter()
            .position(|&octet| octet == 0)
            .map_or(reply.len(), |at| 12 + at + 5);
        reply.truncate(end);
        reply[6..12].fill(0);
        let address: &[u8] = match reply[end - 3] {
            1 => &[192, 0, 2, 1],
            _ => &[0; 16],
        };
        if kind & 32 == 0 && reply.len() == end {
            let code = reply[end - 3];
            reply[7] = 1;
            reply.extend([0xc0, 12, 0, code, 0, 1, 0, 0, 0, 60, 0]);
            reply.push(u8::try_from(address.len()).unwrap_or(0));
            reply.extend_from_slice(address);
        }
        if kind & 64 != 0 {
            let at = usize::from(octets.next().unwrap_or(0)) % reply.len();
            reply[at] ^= octets.next().unwrap_or(1);
        }
    }
    reply
}

/// Whatever happens: nothing panics, each event has bounded consequences, and time alone ends the
/// lookup by its deadline. Returns whether it found something.
pub(crate) fn lookups_end(input: &[u8]) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the start"
    )]
    let start = Instant::now();
    let confs: [&[u8]; 4] = [
        b"",
        b"search x.test y.test\noptions ndots:2 single-request",
        b"search x.test\noptions use-vc rotate attempts:1",
        b"search x.test y.test z.test\noptions ndots:5 timeout:1 single-request-reopen",
    ];
    let conf = confs[usize::from(input.first().copied().unwrap_or(0)) % confs.len()];
    let mut driver = Driver::new(conf, start);
    driver.perform();
    let mut octets = input.iter().copied();
    while octets.len() > 0 && driver.lookup.result().is_none() {
        driver.event(&mut octets);
        driver.perform();
    }
    for step in 0.. {
        let Some(due) = driver.lookup.poll_timeout() else {
            break;
        };
        assert!(step < 1000, "time alone ends a lookup");
        driver.now = driver.now.max(due);
        driver.lookup.handle_timeout(driver.now);
        driver.perform();
    }
    assert!(driver.outputs < 5000);
    let elapsed = match driver.lookup.result().expect("it has ended") {
        Ok(success) => success.elapsed,
        Err(error) => error.elapsed(),
    };
    assert!(elapsed <= Duration::from_secs(31), "{elapsed:?}");
    driver.lookup.result().is_some_and(Result::is_ok)
}

/// The property, on 5,000 sequences of events.
#[test]
fn engine() {
    let mut octets = Octets::from_seed(3);
    let mut found = 0;
    for _ in 0..5_000 {
        let input = octets.some(200);
        found += usize::from(lookups_end(&input));
    }
    assert!(
        (500..4500).contains(&found),
        "{found} of 5000 found something"
    );
}
