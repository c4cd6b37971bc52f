//! One lookup of the DNS client under events in any order.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use trunkline_dns::engine::{
    Finding, Lookup, Memory, Output, Question, Records, Settings, SocketId,
};
use trunkline_dns::{ClientConfig, Families, Name, ResolvConf};

use crate::actions::Actions;

/// What a liar says; nobody may ever be told so.
const EVIL: [&[u8]; 2] = [&[6, 6, 6, 6], &[6; 16]];
/// What the servers say.
const TRUE: [&[u8]; 2] = [&[192, 0, 2, 1], &[1; 16]];

const CONFS: [&[u8]; 6] = [
    b"",
    b"search x.test y.test\noptions ndots:2 single-request",
    b"search x.test\noptions use-vc rotate attempts:1",
    b"search x.test y.test z.test\noptions ndots:5 timeout:1 single-request-reopen",
    b"options timeout:30 attempts:5",
    b"search x.test\noptions no-aaaa ndots:0",
];

/// More events than a lookup has in its life, and few enough for many lookups a second.
const MAX_EVENTS: usize = 64;

/// Queries that are decoded as a whole.
const DECODED: usize = 4;

/// Whatever happens, in whatever order: nothing panics, each event has bounded consequences, every
/// query can be decoded and asks what it should, sockets are few and closed at the end, time alone
/// ends the lookup by its deadline, and no lie is believed.
pub fn dns_engine(data: &[u8]) {
    let mut actions = Actions::new(data);
    let mut driver = Driver::new(&mut actions);
    driver.perform();
    for _ in 0..MAX_EVENTS {
        if driver.lookup.result().is_some() || actions.is_empty() {
            break;
        }
        driver.event(&mut actions);
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
    driver.judge();
}

/// A socket that is open.
#[derive(Default)]
struct Open {
    tcp: bool,
    /// The last query that went over it, without its length.
    query: Vec<u8>,
}

/// What carries out a lookup, and checks what it is told.
struct Driver {
    lookup: Lookup,
    memory: Memory,
    start: Instant,
    now: Instant,
    sockets: BTreeMap<SocketId, Open>,
    /// The last socket that was closed: what still comes over it is nobody's.
    closed: Option<(SocketId, Open)>,
    outputs: usize,
    sent: usize,
}

impl Driver {
    fn new(actions: &mut Actions<'_>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as the start"
        )]
        let start = Instant::now();
        let options = actions.octet();
        let conf = ResolvConf::parse(CONFS[usize::from(options & 15) % CONFS.len()]);
        let servers = [1, 2].map(|last| ([10, 0, 0, last], 53).into());
        let config = ClientConfig::with_servers(servers.to_vec())
            .search(conf.search.clone())
            .cache(16)
            .cookies(options & 16 != 0)
            .udp_pool(options & 32 != 0)
            .case_randomization(options & 64 != 0)
            .edns(options & 128 == 0);
        let settings = Settings::new(&config, &conf, |_| None);
        let mut memory = Memory::new(settings, [options; 32]);
        let name = Name::parse("a.test").expect("a name");
        let plan = memory.plan(Question::addresses(name, Families::Both), start);
        Self {
            lookup: Lookup::new("a.test", plan, start),
            memory,
            start,
            now: start,
            sockets: BTreeMap::new(),
            closed: None,
            outputs: 0,
            sent: 0,
        }
    }

    /// Carries out what the lookup says.
    fn perform(&mut self) {
        let mut count = 0;
        while let Some(output) = self.lookup.poll_output() {
            count += 1;
            assert!(count < 100, "one event has bounded consequences");
            match output {
                Output::OpenUdp { socket, .. } => self.open(socket, false),
                Output::OpenTcp { socket, .. } => self.open(socket, true),
                Output::Send { socket, bytes } => self.send(socket, &bytes),
                Output::Close { socket } => {
                    self.closed = self.sockets.remove(&socket).map(|open| (socket, open));
                }
                Output::Report(report) => self.memory.handle_report(report, self.now),
                _ => {}
            }
        }
        self.outputs += count;
        assert!(self.sockets.len() <= 8, "few sockets at a time");
        let is_over = self.lookup.result().is_some();
        assert_eq!(is_over, self.lookup.poll_timeout().is_none());
        assert!(
            !is_over || self.sockets.is_empty(),
            "all is closed at the end"
        );
    }

    fn open(&mut self, socket: SocketId, tcp: bool) {
        let open = Open {
            tcp,
            ..Open::default()
        };
        assert!(self.sockets.insert(socket, open).is_none());
    }

    fn send(&mut self, socket: SocketId, bytes: &[u8]) {
        let open = self.sockets.get_mut(&socket).expect("an open socket");
        let query = match open.tcp {
            true => {
                let (length, query) = bytes.split_at(2);
                assert_eq!(length, (query.len() as u16).to_be_bytes());
                query
            }
            false => bytes,
        };
        // One question, recursion desired, at most an OPT record.
        assert!(query.len() <= 512 && query[2..10] == [1, 0, 0, 1, 0, 0, 0, 0]);
        // A whole decode takes longer than the lookup: the first ones tell enough.
        self.sent += 1;
        if self.sent <= DECODED {
            let decoded = Message::from_vec(query).expect("a query that can be read");
            assert!(decoded.queries.len() == 1 && decoded.additionals.is_empty());
        }
        open.query = query.to_vec();
    }

    /// One thing that happens.
    fn event(&mut self, actions: &mut Actions<'_>) {
        let (kind, which) = (actions.octet(), actions.octet());
        self.now += Duration::from_millis(u64::from(which >> 2) * 8);
        let (socket, tcp, query) = match (&self.closed, which & 3) {
            (Some((socket, open)), 3) => (*socket, open.tcp, open.query.clone()),
            _ => {
                let count = self.sockets.len().max(1);
                let Some((socket, open)) = self.sockets.iter().nth(usize::from(which & 3) % count)
                else {
                    self.lookup.handle_timeout(self.now);
                    return;
                };
                (*socket, open.tcp, open.query.clone())
            }
        };
        let io_errors = [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ConnectionReset,
        ];
        match kind % 16 {
            0 | 1 => self.lookup.handle_timeout(self.now),
            2 => {
                let error = io_errors[usize::from(kind >> 4) % io_errors.len()];
                self.lookup.handle_failed(socket, error, self.now);
                self.sockets.remove(&socket);
            }
            3 if tcp => {
                self.lookup.handle_closed(socket, self.now);
                self.sockets.remove(&socket);
            }
            what => {
                let is_cut = kind >> 4 == 15;
                let message = message(what, tcp, &query, actions);
                self.deliver(socket, tcp, &message, is_cut, actions);
            }
        }
    }

    fn deliver(
        &mut self,
        socket: SocketId,
        tcp: bool,
        message: &[u8],
        is_cut: bool,
        actions: &mut Actions<'_>,
    ) {
        if !tcp {
            self.lookup
                .handle_datagram(socket, message, is_cut, self.now);
            return;
        }
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let framed = [&length.to_be_bytes(), message].concat();
        let cut = usize::from(actions.octet()) % (framed.len() + 1);
        self.lookup.handle_stream(socket, &framed[..cut], self.now);
        self.lookup.handle_stream(socket, &framed[cut..], self.now);
    }

    fn judge(&self) {
        assert!(self.outputs < 5000, "{}", self.outputs);
        let result = self.lookup.result().expect("it has ended");
        let (elapsed, attempts) = match result {
            Ok(success) => (success.elapsed, &success.attempts[..]),
            Err(error) => (error.elapsed(), error.attempts()),
        };
        assert!(attempts.len() <= 256);
        // Events may come late, as the deadline may be noticed late; never by more than one.
        assert!(elapsed <= Duration::from_secs(31), "{elapsed:?}");
        assert!(elapsed <= self.now - self.start);
        let Ok(success) = result else { return };
        for (_, finding) in &success.findings {
            let Finding::Found { found, .. } = finding else {
                continue;
            };
            let Records::Addresses(list) = &found.records else {
                panic!("{found:?}");
            };
            for ip in list {
                let octets = match ip {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                };
                assert!(!EVIL.contains(&&octets[..]), "a lie was believed: {ip}");
            }
        }
    }
}

/// A message in reply to `query`: true, a failure, or a lie.
fn message(what: u8, tcp: bool, query: &[u8], actions: &mut Actions<'_>) -> Vec<u8> {
    if query.len() < 17 {
        return actions.octets(64);
    }
    let name = query[12..].iter().position(|&octet| octet == 0);
    let end = 12 + name.unwrap_or(0) + 5;
    let mut head = query[..end.min(query.len())].to_vec();
    head[2] = 0x81;
    head[3] = 0x80;
    head[6..12].fill(0);
    let code = head[end - 3];
    let v6 = usize::from(code == 28);
    let record = |octets: &[u8]| {
        let fixed = [0xc0, 12, 0, code, 0, 1, 0, 0, 0, 60, 0, octets.len() as u8];
        [&fixed, octets].concat()
    };
    let with = |head: &[u8], octets: &[u8]| {
        let mut message = [head, &record(octets)].concat();
        message[7] = 1;
        message
    };
    match what {
        // A response code, with nothing.
        3 | 4 => {
            head[3] |= actions.octet() & 15;
            head
        }
        5 => {
            head[2] |= 2;
            // Over TCP the flag is passed over, so that this is an answer.
            with(&head, if tcp { TRUE[v6] } else { EVIL[v6] })
        }
        // A header alone.
        6 => {
            head.truncate(12);
            head[3] |= actions.octet() & 15;
            head[4..6].fill(0);
            head
        }
        7 => with(&head, TRUE[v6]),
        8 => {
            let at = usize::from(actions.octet() & 1);
            head[at] ^= actions.octet() | 1;
            with(&head, EVIL[v6])
        }
        9 => {
            let mut lie = with(&head, EVIL[v6]);
            lie[2] = [0x01, 0xa1, 0x89, 0x11][usize::from(actions.octet() & 3)];
            lie
        }
        10 => {
            let at = end - 1 - usize::from(actions.octet() & 3);
            head[at] ^= actions.octet() | 0x80;
            with(&head, EVIL[v6])
        }
        11 => {
            let mut lie = with(&head, EVIL[v6]);
            // The owner: another name than the question's.
            let at = head.len();
            lie.splice(at..at + 2, [1, b'z', 0]);
            lie
        }
        12 => query.to_vec(),
        13 => {
            let mut lie = with(&head, EVIL[v6]);
            lie.truncate(usize::from(actions.octet()) % lie.len());
            lie
        }
        14 => {
            let mut lie = with(&head, EVIL[v6]);
            // In the authority or the additional section.
            lie.swap(7, [9, 11][usize::from(actions.octet() & 1)]);
            lie
        }
        _ => actions.octets(64),
    }
}
