//! Messages that are made to cost time or memory, for the tests and for the benchmark. Where the
//! cost grows with the length, a message has the greatest length.

use trunkline_dns::RecordType;

/// A message, and the question whose reply it is; the id is 7.
pub(crate) struct Costly {
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) record_type: RecordType,
    pub(crate) message: Vec<u8>,
}

const LONGEST: usize = 65_535;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const OPT: u16 = 41;
/// A type that the client does not read.
const OTHER: u16 = 0xff00;
/// The offset of the name in the question.
const QUESTION: usize = 12;

/// Returns a name of 252 characters and 126 labels.
fn long() -> String {
    "a.".repeat(126)
}

/// Returns a name as it is on the wire.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> = labels
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    bytes.push(0);
    bytes
}

fn pointer(at: usize) -> [u8; 2] {
    (0xc000 | at as u16).to_be_bytes()
}

fn record(owner: &[u8], code: u16, data: &[u8]) -> Vec<u8> {
    let numbers = [code, 1, 0, 60, data.len() as u16].map(u16::to_be_bytes);
    [owner, &numbers.concat(), data].concat()
}

fn record_of(code: RecordType, data: &[u8]) -> Vec<u8> {
    record(&pointer(QUESTION), code.code(), data)
}

impl Costly {
    /// Returns a reply without records.
    fn new(what: &'static str, name: &str, record_type: RecordType) -> Self {
        let mut message = vec![0, 7, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(wire(name));
        message.extend([record_type.code(), 1].map(u16::to_be_bytes).concat());
        Self {
            what,
            name: name.to_owned(),
            record_type,
            message,
        }
    }

    /// Adds a record to a section: 6 for answers, 8 for authorities, 10 for additional records.
    fn with(mut self, section: usize, record: &[u8]) -> Self {
        self.message.extend_from_slice(record);
        let count = &mut self.message[section..section + 2];
        let more = u16::from_be_bytes([count[0], count[1]]) + 1;
        count.copy_from_slice(&more.to_be_bytes());
        self
    }

    fn room(&self) -> usize {
        LONGEST - self.message.len()
    }

    /// Adds answers until no further one fits.
    fn filled(mut self, record: impl Fn(usize) -> Vec<u8>) -> Self {
        for at in 0.. {
            let record = record(at);
            if record.len() > self.room() {
                break;
            }
            self = self.with(6, &record);
        }
        self
    }

    /// Adds one answer, whose data fill the message.
    fn filled_by_one(self, code: u16, data: impl FnOnce(usize) -> Vec<u8>) -> Self {
        let room = self.room() - 12;
        let record = record(&pointer(QUESTION), code, &data(room));
        self.with(6, &record)
    }

    fn with_code(mut self, rcode: u8) -> Self {
        self.message[3] |= rcode;
        self
    }
}

/// Returns all costly messages.
pub(crate) fn costly() -> Vec<Costly> {
    [
        names(),
        addresses(),
        texts(),
        services(),
        bindings(),
        rest(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn names() -> Vec<Costly> {
    use RecordType::A;
    let chained = {
        let reply = Costly::new("chained pointers", "a.test.", A);
        let start = reply.message.len() + 11;
        let chain: Vec<u8> = (0..8000)
            .flat_map(|at| match at {
                0 => pointer(QUESTION),
                _ => pointer(start + 2 * (at - 1)),
            })
            .collect();
        let reply = reply.with(6, &record(&[0], OTHER, &chain));
        reply.filled(|at| record(&pointer(start + 2 * (7990 - at % 64)), 1, &[6; 4]))
    };
    let hops = {
        // As many labels as a name may have, each followed by a pointer to the one before.
        let reply = Costly::new("a pointer after each label", &long(), A);
        let start = reply.message.len() + 11;
        let mut chain = vec![0];
        for at in 0..126 {
            let before = if at == 0 {
                start
            } else {
                start + 1 + 4 * (at - 1)
            };
            chain.extend([1, b'a']);
            chain.extend(pointer(before));
        }
        let end = start + 1 + 4 * 125;
        let reply = reply.with(6, &record(&[0], OTHER, &chain));
        reply.filled(|at| record(&pointer(end - 4 * (at % 2)), 1, &[10, 0, 0, at as u8]))
    };
    let near = Costly::new("owners that are nearly the name", &long(), A)
        .filled(|at| record(&pointer(QUESTION + 2 * (at % 125)), 1, &[6; 4]));
    let at_end = {
        let other = wire(&format!("{}b.", "a.".repeat(125)));
        let reply = Costly::new("owners that differ at their end", &long(), A);
        let start = reply.message.len() + 11;
        let reply = reply.with(6, &record(&[0], OTHER, &other));
        reply.filled(|at| record(&pointer(start + 2 * (at % 2)), 1, &[6; 4]))
    };
    let whole = wire(&long());
    vec![
        chained,
        hops,
        near,
        at_end,
        Costly::new("owners in full", &long(), A)
            .filled(|at| record(&whole, 1, &[10, 0, (at >> 8) as u8, at as u8])),
        Costly::new("many CNAMEs of one name", &long(), A).filled(|at| {
            let target = [&[1, b'b'][..], &pointer(QUESTION + 2 + at % 120)].concat();
            record(&pointer(QUESTION), CNAME, &target)
        }),
        Costly::new("a chain of CNAMEs, last one first", "0.test.", A).filled(|at| {
            let name = |at: usize| {
                format!(
                    "{}{at}.test.",
                    if at == 0 {
                        String::new()
                    } else {
                        "a.".repeat(118)
                    }
                )
            };
            let at = 31 - at.min(31);
            record(&wire(&name(at)), CNAME, &wire(&name(at + 1)))
        }),
    ]
}

fn addresses() -> Vec<Costly> {
    let v6 = |at: usize| [&[0x20; 14][..], &(at as u16).to_be_bytes()].concat();
    vec![
        Costly::new("thousands of A", "a.test.", RecordType::A)
            .filled(|at| record_of(RecordType::A, &[10, 0, (at >> 8) as u8, at as u8])),
        Costly::new("thousands of AAAA", "a.test.", RecordType::Aaaa)
            .filled(|at| record_of(RecordType::Aaaa, &v6(at))),
        Costly::new("one A, thousands of times", "a.test.", RecordType::A)
            .filled(|_| record_of(RecordType::A, &[10, 0, 0, 1])),
        Costly::new("an A of 64 KiB", "a.test.", RecordType::A)
            .filled_by_one(1, |room| vec![1; room]),
    ]
}

fn texts() -> Vec<Costly> {
    let many = |what, size: usize| {
        Costly::new(what, "a.test.", RecordType::Txt).filled(move |_| {
            let text = [&[size as u8][..], &vec![b'x'; size]].concat();
            record_of(RecordType::Txt, &text)
        })
    };
    let one = |what, size: usize| {
        Costly::new(what, "a.test.", RecordType::Txt).filled_by_one(16, move |room| {
            let string = [&[size as u8][..], &vec![b'x'; size]].concat();
            string.repeat(room / string.len())
        })
    };
    vec![
        many("thousands of TXT", 1),
        many("a thousand TXT", 53),
        many("hundreds of long TXT", 255),
        one("a TXT of 64 KiB", 255),
        one("strings of one letter", 1),
        one("strings of nothing", 0),
    ]
}

fn services() -> Vec<Costly> {
    let numbers = [0, 1, 0, 2, 0, 80];
    let target = |name: &[u8]| [&numbers, name].concat();
    let compressed = Costly::new("SRV with long compressed targets", &long(), RecordType::Srv)
        .filled(|at| record_of(RecordType::Srv, &target(&pointer(QUESTION + 2 * (at % 8)))));
    let in_full = wire(&long());
    let pod = wire("10-244-100-100.orders.prod.svc.cluster.local.");
    vec![
        compressed,
        Costly::new("SRV with long targets", "a.test.", RecordType::Srv)
            .filled(|_| record_of(RecordType::Srv, &target(&in_full))),
        Costly::new("SRV as Kubernetes has them", "a.test.", RecordType::Srv)
            .filled(|_| record_of(RecordType::Srv, &target(&pod))),
        Costly::new("thousands of SRV", "a.test.", RecordType::Srv)
            .filled(|_| record_of(RecordType::Srv, &target(b"\x01b\0"))),
        Costly::new(
            "thousands of SRV without service",
            "a.test.",
            RecordType::Srv,
        )
        .filled(|_| record_of(RecordType::Srv, &target(b"\0"))),
    ]
}

fn bindings() -> Vec<Costly> {
    use RecordType::{Https, Svcb};
    let param = |key: u16, value: &[u8]| {
        let numbers = [key, value.len() as u16].map(u16::to_be_bytes);
        [&numbers.concat(), value].concat()
    };
    // Priority 1, the owner as target, and one parameter that fills the message.
    let one = |what, key, piece: &'static [u8]| {
        Costly::new(what, "a.test.", Https).filled_by_one(65, move |room| {
            let value = piece.repeat((room - 7) / piece.len());
            [&[0, 1, 0][..], &param(key, &value)].concat()
        })
    };
    let keys: Vec<u8> = (7..2000).flat_map(|key: u16| param(key, &[])).collect();
    vec![
        Costly::new("thousands of SVCB", "a.test.", Svcb).filled(|_| record_of(Svcb, &[0, 1, 0])),
        Costly::new("SVCB with long compressed targets", &long(), Svcb)
            .filled(|_| record_of(Svcb, &[&[0, 1][..], &pointer(QUESTION)].concat())),
        Costly::new("HTTPS with thousands of parameters", "a.test.", Https)
            .filled(|_| record_of(Https, &[&[0, 1, 0][..], &keys].concat())),
        one("thousands of ALPN ids", 1, b"\x01x"),
        one("thousands of mandatory keys", 0, b"\0\x01"),
        one("thousands of IPv4 hints", 4, &[10; 4]),
        one("thousands of IPv6 hints", 6, &[32; 16]),
        one("an ECH of 64 KiB", 5, b"x"),
        one("an unknown parameter of 64 KiB", 99, b"x"),
    ]
}

fn rest() -> Vec<Costly> {
    use RecordType::A;
    let counts = |what, at: usize| {
        let mut reply = Costly::new(what, "a.test.", A);
        reply.message[at..at + 2].fill(0xff);
        reply
    };
    let header = {
        let mut reply = counts("a header that promises questions", 4);
        reply.message.truncate(12);
        reply
    };
    let soa = [wire(&long()), wire(&long()), vec![0; 20]].concat();
    let mut denial = Costly::new("a denial with SOA records", &long(), A).with_code(3);
    while denial.room() > soa.len() + 12 {
        denial = denial.with(8, &record(&pointer(QUESTION), SOA, &soa));
    }
    let mut options = Costly::new("an OPT of 64 KiB", "a.test.", A);
    let cookies = [0, 10, 0, 0].repeat((options.room() - 11) / 4);
    options = options.with(10, &record(&[0], OPT, &cookies));
    vec![
        header,
        counts("a reply that promises questions", 4),
        counts("a reply that promises answers", 6),
        counts("a reply that promises more", 10),
        denial,
        options,
        Costly::new("a record of 64 KiB", "a.test.", A)
            .filled_by_one(OTHER, |room| vec![0xc0; room]),
    ]
}
