//! One lookup of the DNS client under events in any order.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use trunkline_dns::core::{
    Asker, ClientState, ConnectionEnd, Finding, Lookup, LookupOutput, LookupRequest, Records,
    Settings, SocketId, TcpConnection,
};
use trunkline_dns::{ClientConfig, Families, Name, ResolvConf};

use crate::input::Input;

/// The addresses in forged replies, which the lookup must never return.
const EVIL: [&[u8]; 2] = [&[6, 6, 6, 6], &[6; 16]];
/// The addresses in the replies of the servers.
const TRUE: [&[u8]; 2] = [&[192, 0, 2, 1], &[1; 16]];

const CONFS: [&[u8]; 6] = [
    b"",
    b"search x.test y.test\noptions ndots:2 single-request",
    b"search x.test\noptions use-vc rotate attempts:1",
    b"search x.test y.test z.test\noptions ndots:5 timeout:1 single-request-reopen",
    b"options timeout:30 attempts:5",
    b"search x.test\noptions no-aaaa ndots:0",
];

/// The maximum number of events of one lookup: more than a real lookup has, and few enough for many
/// lookups per second.
const MAX_EVENTS: usize = 64;

/// The number of queries of a lookup that are decoded as a whole.
const DECODED: usize = 4;

/// The time for which a connection without askers stays open.
const IDLE: Duration = Duration::from_secs(10);

/// For any events in any order: nothing panics, and each event has bounded consequences. Every
/// query can be decoded. Sockets are few, and closed at the end. Time alone ends the lookup by its
/// deadline, and then its connections. No address of a forged reply is returned.
pub fn dns_core(data: &[u8]) {
    run(data);
}

/// Runs a lookup; returns whether it has found addresses.
fn run(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let mut driver = Driver::new(&mut input);
    driver.perform();
    for _ in 0..MAX_EVENTS {
        if driver.lookup.result().is_some() || input.is_empty() {
            break;
        }
        driver.event(&mut input);
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
    driver.lookup.result().is_some_and(Result::is_ok)
}

/// An open socket.
#[derive(Clone, Default)]
struct Open {
    /// Over TCP, the index of the connection and the asker.
    share: Option<(usize, Asker)>,
    /// The last query that was sent from it.
    query: Vec<u8>,
}

/// The driver of a lookup, which checks its outputs.
struct Driver {
    lookup: Lookup,
    client_state: ClientState,
    start: Instant,
    now: Instant,
    sockets: BTreeMap<SocketId, Open>,
    /// All connections, each with whether it may be shared.
    connections: Vec<(TcpConnection, bool)>,
    /// The last socket that was closed, from which messages may still arrive.
    closed: Option<(SocketId, Open)>,
    outputs: usize,
    sent: usize,
}

impl Driver {
    fn new(input: &mut Input<'_>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as the start"
        )]
        let start = Instant::now();
        let options = input.byte();
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
        let mut client_state = ClientState::new(settings, [options; 32]);
        let name = Name::parse("a.test").expect("a name");
        let plan = client_state.plan(LookupRequest::addresses(name, Families::Both), start);
        Self {
            lookup: Lookup::new("a.test", plan, start),
            client_state,
            start,
            now: start,
            sockets: BTreeMap::new(),
            connections: Vec::new(),
            closed: None,
            outputs: 0,
            sent: 0,
        }
    }

    /// Performs the outputs of the lookup.
    fn perform(&mut self) {
        let mut count = 0;
        while let Some(output) = self.lookup.poll_output() {
            count += 1;
            assert!(count < 100, "one event has bounded consequences");
            match output {
                LookupOutput::OpenUdp { socket, .. } => self.open(socket, None),
                LookupOutput::OpenTcp { socket, shared, .. } => {
                    let share = self.join(shared);
                    self.open(socket, Some(share));
                }
                LookupOutput::Send { socket, bytes } => self.send(socket, &bytes),
                LookupOutput::Close { socket } => self.close(socket),
                LookupOutput::Report(report) => self.client_state.handle_report(report, self.now),
                _ => {}
            }
        }
        self.outputs += count;
        assert!(self.sockets.len() <= 8, "few sockets at a time");
        for (connection, _) in &self.connections {
            let waits = connection.poll_timeout().is_some() || connection.end().is_some();
            let shares = self.sockets.values().filter_map(|open| open.share);
            let mut used =
                shares.filter(|&(at, _)| std::ptr::eq(&self.connections[at].0, connection));
            assert!(waits || used.next().is_some(), "no asker, and no end");
        }
        let is_over = self.lookup.result().is_some();
        assert_eq!(is_over, self.lookup.poll_timeout().is_none());
        assert!(
            !is_over || self.sockets.is_empty(),
            "all is closed at the end"
        );
    }

    fn open(&mut self, socket: SocketId, share: Option<(usize, Asker)>) {
        let query = Vec::new();
        let before = self.sockets.insert(socket, Open { share, query });
        assert!(before.is_none());
    }

    /// Joins a connection with room, else a new one.
    fn join(&mut self, shared: bool) -> (usize, Asker) {
        for (at, (connection, others)) in self.connections.iter_mut().enumerate() {
            if shared
                && *others
                && let Some(asker) = connection.join()
            {
                return (at, asker);
            }
        }
        let (connection, asker) = TcpConnection::new(IDLE);
        self.connections.push((connection, shared));
        (self.connections.len() - 1, asker)
    }

    fn close(&mut self, socket: SocketId) {
        let Some(open) = self.sockets.remove(&socket) else {
            return;
        };
        if let Some((at, asker)) = open.share {
            self.connections[at].0.leave(asker, self.now);
        }
        self.closed = Some((socket, open));
    }

    fn send(&mut self, socket: SocketId, query: &[u8]) {
        let open = self.sockets.get_mut(&socket).expect("an open socket");
        if let Some((at, asker)) = open.share {
            let connection = &mut self.connections[at].0;
            connection.ask(asker, query);
            let (length, sent) = connection.unsent().split_at(2);
            assert_eq!(length, (query.len() as u16).to_be_bytes());
            assert_eq!(sent[2..], query[2..]);
            connection.handle_sent(query.len() + 2);
            assert!(connection.unsent().is_empty());
        }
        // One question, recursion desired, at most an OPT record.
        assert!(query.len() <= 512 && query[2..10] == [1, 0, 0, 1, 0, 0, 0, 0]);
        // A whole decode takes longer than the lookup, so only the first queries are decoded.
        self.sent += 1;
        if self.sent <= DECODED {
            let decoded = Message::from_vec(query).expect("a query that can be read");
            assert!(decoded.queries.len() == 1 && decoded.additionals.is_empty());
        }
        open.query = query.to_vec();
    }

    /// Makes one event happen.
    fn event(&mut self, input: &mut Input<'_>) {
        let (kind, which) = (input.byte(), input.byte());
        self.now += Duration::from_millis(u64::from(which >> 2) * 8);
        let (socket, open) = match (&self.closed, which & 3) {
            (Some((socket, open)), 3) => (*socket, open.clone()),
            _ => {
                let count = self.sockets.len().max(1);
                let Some((socket, open)) = self.sockets.iter().nth(usize::from(which & 3) % count)
                else {
                    self.lookup.handle_timeout(self.now);
                    return;
                };
                (*socket, open.clone())
            }
        };
        let tcp = open.share.is_some();
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
                match open.share {
                    Some((at, _)) => self.end(at, Some(error)),
                    None => self.lookup.handle_failed(socket, error, self.now),
                }
            }
            3 if let Some((at, _)) = open.share => self.end(at, None),
            what => {
                let is_cut = kind >> 4 == 15;
                let message = message(what, tcp, &open.query, input);
                match open.share {
                    Some((at, _)) => self.deliver(at, &message, input),
                    None => self
                        .lookup
                        .handle_datagram(socket, &message, is_cut, self.now),
                }
            }
        }
    }

    /// Ends a connection by an error or a close, and reports that to each of its sockets.
    fn end(&mut self, at: usize, error: Option<io::ErrorKind>) {
        let connection = &mut self.connections[at].0;
        connection.handle_closed(error);
        let end = connection.end().expect("it has ended");
        for (socket, _) in self.shares(at) {
            match end {
                ConnectionEnd::Failed(error) => self.lookup.handle_failed(socket, error, self.now),
                _ => self.lookup.handle_closed(socket, self.now),
            }
        }
    }

    /// Returns the open sockets with a share in a connection.
    fn shares(&self, at: usize) -> Vec<(SocketId, Asker)> {
        let sockets = self.sockets.iter();
        sockets
            .filter_map(|(&socket, open)| match open.share {
                Some((of, asker)) if of == at => Some((socket, asker)),
                _ => None,
            })
            .collect()
    }

    /// Delivers a message over a connection, in two pieces.
    fn deliver(&mut self, at: usize, message: &[u8], input: &mut Input<'_>) {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let framed = [&length.to_be_bytes(), message].concat();
        let cut = usize::from(input.byte()) % (framed.len() + 1);
        let connection = &mut self.connections[at].0;
        connection.handle_established();
        connection.handle_received(&framed[..cut]);
        connection.handle_received(&framed[cut..]);
        for (socket, asker) in self.shares(at) {
            while let Some(message) = self.connections[at].0.poll_reply(asker) {
                let own = self.sockets.get(&socket).map(|open| &open.query[..2]);
                assert!(own.is_none_or(|id| *id == message[..2]), "under its own id");
                self.lookup.handle_message(socket, &message, self.now);
            }
        }
    }

    fn judge(&mut self) {
        assert!(self.outputs < 5000, "{}", self.outputs);
        for (connection, _) in &mut self.connections {
            connection.handle_timeout(self.now + IDLE);
            assert!(connection.end().is_some(), "idle, and still open");
        }
        let result = self.lookup.result().expect("it has ended");
        let (elapsed, attempts) = match result {
            Ok(success) => (success.elapsed, &success.attempts[..]),
            Err(error) => (error.elapsed(), error.attempts()),
        };
        assert!(attempts.len() <= 256);
        // The last event may be later than the deadline.
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
                let bytes = match ip {
                    IpAddr::V4(v4) => v4.octets().to_vec(),
                    IpAddr::V6(v6) => v6.octets().to_vec(),
                };
                assert!(!EVIL.contains(&&bytes[..]), "a forged address: {ip}");
            }
        }
    }
}

/// Returns a message in reply to `query`: a right one, a failure, or a forged one.
fn message(what: u8, tcp: bool, query: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    if query.len() < 17 {
        return input.bytes(64);
    }
    let name = query[12..].iter().position(|&byte| byte == 0);
    let end = 12 + name.unwrap_or(0) + 5;
    let mut head = query[..end.min(query.len())].to_vec();
    head[2] = 0x81;
    head[3] = 0x80;
    head[6..12].fill(0);
    let code = head[end - 3];
    let v6 = usize::from(code == 28);
    let record = |data: &[u8]| {
        let fixed = [0xc0, 12, 0, code, 0, 1, 0, 0, 0, 60, 0, data.len() as u8];
        [&fixed, data].concat()
    };
    let with = |head: &[u8], data: &[u8]| {
        let mut message = [head, &record(data)].concat();
        message[7] = 1;
        message
    };
    match what {
        // A response code without records.
        3 | 4 => {
            head[3] |= input.byte() & 15;
            head
        }
        5 => {
            head[2] |= 2;
            // Over TCP the flag TC is ignored, so that this is an answer.
            with(&head, if tcp { TRUE[v6] } else { EVIL[v6] })
        }
        // A header alone.
        6 => {
            head.truncate(12);
            head[3] |= input.byte() & 15;
            head[4..6].fill(0);
            head
        }
        7 => with(&head, TRUE[v6]),
        8 => {
            let at = usize::from(input.byte() & 1);
            head[at] ^= input.byte() | 1;
            with(&head, EVIL[v6])
        }
        9 => {
            let mut forged = with(&head, EVIL[v6]);
            forged[2] = [0x01, 0xa1, 0x89, 0x11][usize::from(input.byte() & 3)];
            forged
        }
        10 => {
            let at = end - 1 - usize::from(input.byte() & 3);
            head[at] ^= input.byte() | 0x80;
            with(&head, EVIL[v6])
        }
        11 => {
            let mut forged = with(&head, EVIL[v6]);
            // An owner that is not the name of the question.
            let at = head.len();
            forged.splice(at..at + 2, [1, b'z', 0]);
            forged
        }
        12 => query.to_vec(),
        13 => {
            let mut forged = with(&head, EVIL[v6]);
            forged.truncate(usize::from(input.byte()) % forged.len());
            forged
        }
        14 => {
            let mut forged = with(&head, EVIL[v6]);
            // The record is in the authority or the additional section.
            forged.swap(7, [9, 11][usize::from(input.byte() & 1)]);
            forged
        }
        _ => input.bytes(64),
    }
}

#[cfg(test)]
mod tests {
    /// With random events some lookups end with an answer and some without, so that both ends are
    /// tested.
    #[test]
    fn random_events_reach_both_ends() {
        let mut state: u64 = 3;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        let found = (0..5000).filter(|_| {
            let input: Vec<u8> = (0..byte()).map(|_| byte()).collect();
            super::run(&input)
        });
        let found = found.count();
        assert!((500..4500).contains(&found), "{found} of 5000");
    }
}
