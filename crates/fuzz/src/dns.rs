//! The DNS client's parsers: messages and files of any bytes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{DNSClass, Name as WireName, RData, RecordType as Code};
use trunkline_dns::wire::{Found, Malformed, Records, Reply, Skeleton, read_reply};
use trunkline_dns::{Hosts, Name, RecordType, ResolvConf, Transport};

/// The name of the question, whose reply every message is read as.
const NAME: &str = "a.test.";
const ID: u16 = 0x1234;
const TYPES: [(RecordType, Code); 5] = [
    (RecordType::A, Code::A),
    (RecordType::Aaaa, Code::AAAA),
    (RecordType::Srv, Code::SRV),
    (RecordType::Txt, Code::TXT),
    (RecordType::Https, Code::HTTPS),
];

/// A message that hickory-proto decodes as a whole passes the walk over the outline, unless it has
/// a pointer into the header. The records that are found in a reply are those that a plain search
/// of the decoded answer section finds, no more and no less.
pub fn dns_packet(data: &[u8]) {
    let walk = Skeleton::walk(data);
    let whole = Message::from_vec(data).ok();
    if let (Err(error), Some(whole)) = (&walk, &whole) {
        assert_eq!(*error, Malformed::Pointer, "{whole:?}");
    }
    let name = Name::parse(NAME).expect("a name");
    for (record_type, code) in TYPES {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = read_reply(data, ID, &name, record_type, transport);
            if let Reply::Found(found) = &reply {
                assert!(walk.is_ok() && (1..=1000).contains(&found.records.count()));
            }
            if let (Ok(_), Some(whole)) = (&walk, &whole) {
                found_by_both(&reply, whole, code, transport);
            }
        }
    }
}

fn found_by_both(reply: &Reply, whole: &Message, code: Code, transport: Transport) {
    let found = match reply {
        Reply::Found(found) => Some(found),
        _ => None,
    };
    let plain = plainly(whole, code, transport);
    let Some(plain) = plain else {
        assert!(found.is_none(), "{found:?} in {whole:?}");
        return;
    };
    // Where limits apply or the order matters, the two may differ.
    if plain.is_comparable {
        let ours: BTreeSet<String> = found.into_iter().flat_map(texts).collect();
        assert_eq!(ours, plain.texts, "{reply:?} in {whole:?}");
        if let Some(found) = found {
            assert_eq!(found.ttl_secs, plain.ttl, "{reply:?} in {whole:?}");
        }
    }
}

/// The result of a plain search of a decoded message.
struct Plain {
    texts: BTreeSet<String>,
    ttl: u32,
    /// False where limits apply or the order matters.
    is_comparable: bool,
}

/// Searches a decoded message for the records; `None` for a message that is not an answer.
fn plainly(whole: &Message, code: Code, transport: Transport) -> Option<Plain> {
    let asked = WireName::from_ascii(NAME).expect("a name");
    let [question] = &whole.queries[..] else {
        return None;
    };
    let header = &whole.metadata;
    let is_answer = header.id == ID
        && header.message_type == MessageType::Response
        && header.op_code == OpCode::Query
        && question.name() == &asked
        && question.query_type() == code
        && question.query_class() == DNSClass::IN
        && (!header.truncation || transport == Transport::Tcp)
        && u16::from(header.response_code) == 0;
    if !is_answer {
        return None;
    }
    let believed = |ttl: u32| if ttl > i32::MAX as u32 { 0 } else { ttl };
    let of_internet = |code: Code| {
        let records = whole.answers.iter();
        records.filter(move |it| it.record_type() == code && it.dns_class == DNSClass::IN)
    };
    let mut plain = Plain {
        texts: BTreeSet::new(),
        ttl: i32::MAX as u32,
        is_comparable: whole.answers.len() <= 16,
    };
    let owners: Vec<&WireName> = of_internet(Code::CNAME).map(|it| &it.name).collect();
    let distinct: BTreeSet<String> = owners
        .iter()
        .map(|it| it.to_lowercase().to_string())
        .collect();
    plain.is_comparable &= distinct.len() == owners.len();
    let mut end = asked;
    for _ in 0..owners.len() {
        let Some(record) = of_internet(Code::CNAME).find(|it| it.name == end) else {
            break;
        };
        plain.ttl = plain.ttl.min(believed(record.ttl));
        match &record.data {
            RData::CNAME(target) => end = target.0.clone(),
            _ => plain.is_comparable = false,
        }
    }
    // A chain that does not end is a loop.
    if of_internet(Code::CNAME).any(|it| it.name == end) {
        return Some(plain);
    }
    for record in of_internet(code).filter(|it| it.name == end) {
        plain.ttl = plain.ttl.min(believed(record.ttl));
        plain.texts.extend(match &record.data {
            RData::A(a) => Some(a.0.to_string()),
            RData::AAAA(aaaa) => Some(aaaa.0.to_string()),
            RData::SRV(srv) if srv.target.is_root() => None,
            RData::SRV(srv) => Some(format!("{} {} {}", srv.priority, srv.weight, srv.port)),
            RData::TXT(txt) => Some(format!("{:?}", txt.txt_data.concat())),
            // The client is stricter with parameters, and has no empty data.
            _ => {
                plain.is_comparable = false;
                None
            }
        });
    }
    Some(plain)
}

fn texts(found: &Found) -> Vec<String> {
    match &found.records {
        Records::Addresses(list) => list.iter().map(IpAddr::to_string).collect(),
        Records::Srv(list) => list
            .iter()
            .map(|srv| format!("{} {} {}", srv.priority, srv.weight, srv.port))
            .collect(),
        Records::Txt(list) => list.iter().map(|text| format!("{text:?}")).collect(),
        _ => Vec::new(),
    }
}

/// A `resolv.conf` of any bytes is parsed within bounds, its search list prints as names that
/// parse, and a good line after any bytes counts.
pub fn dns_resolv_conf(data: &[u8]) {
    let conf = ResolvConf::parse(data);
    assert!(conf.nameservers.len() <= 32 && conf.search.len() <= 32);
    assert!(conf.options.ndots.is_none_or(|ndots| ndots <= 15));
    let attempts = conf.options.attempts;
    assert!(attempts.is_none_or(|attempts| (1..=5).contains(&attempts)));
    let timeout = conf.options.timeout.map(|timeout| timeout.as_secs());
    assert!(timeout.is_none_or(|secs| (1..=30).contains(&secs)));
    for name in &conf.search {
        assert!(name.is_absolute());
        assert_eq!(Name::parse(&name.to_string()).as_ref(), Ok(name));
    }
    let known = conf.servers(|_| Some(1));
    assert!(!known.is_empty() && known.iter().all(|server| server.port() != 0));
    assert!(conf.servers(|_| None).len() <= known.len());

    let good = b"\nnameserver 192.0.2.53\nsearch good.test\noptions ndots:7\n";
    let more = ResolvConf::parse(&[data, good].concat());
    let server = "192.0.2.53:53".parse().expect("an address");
    assert!(more.nameservers.len() == 32 || more.servers(|_| None).contains(&server));
    assert_eq!(more.options.ndots, Some(7));
    assert_eq!(more.search, [Name::parse("good.test.").expect("a name")]);
}

/// A hosts file of any bytes has the addresses of a name that a plain search of its lines finds.
pub fn dns_hosts(data: &[u8]) {
    let hosts = Hosts::parse(data);
    for text in ["orders", "localhost", "a.test"] {
        let name = Name::parse(text).expect("a name");
        let found = hosts.get(&name, |_| Some(1)).unwrap_or_default();
        let found: BTreeSet<IpAddr> = found.into_iter().map(|address| address.ip).collect();
        let lines = data.split(|&byte| byte == b'\n').enumerate();
        let plain = lines.filter_map(|(at, line)| plain_line(at, line, text));
        assert_eq!(found, plain.collect(), "{text}");
    }
}

/// Returns the address of a line that has `name`.
fn plain_line(at: usize, line: &[u8], name: &str) -> Option<IpAddr> {
    let line = match at {
        0 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        _ => line,
    };
    let end = line.iter().position(|byte| matches!(byte, 0 | b'#'));
    let line = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, names) = words.split_first()?;
    let address = match address.split_once('%') {
        Some((_, "")) => return None,
        Some((address, _)) => address,
        None => address,
    };
    let named = |word: &&str| {
        let word = word.strip_suffix('.').unwrap_or(word);
        word.eq_ignore_ascii_case(name)
    };
    let address = address.parse().ok()?;
    names.iter().any(named).then_some(address)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ID, NAME, TYPES, read_reply};
    use trunkline_dns::wire::Reply;
    use trunkline_dns::{Name, Transport};

    /// The corpus has answers of every type.
    #[test]
    fn the_corpus_has_answers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/dns_packet");
        let name = Name::parse(NAME).expect("a name");
        let mut found = [0; TYPES.len()];
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let message = std::fs::read(entry.expect("an entry").path()).expect("a file");
            for (found, (record_type, _)) in found.iter_mut().zip(TYPES) {
                let reply = read_reply(&message, ID, &name, record_type, Transport::Tcp);
                *found += usize::from(matches!(reply, Reply::Found(_)));
            }
        }
        assert!(!found.contains(&0), "{found:?} of {TYPES:?}");
    }
}
