//! Messages: the skeleton walk and the reader, against the whole decode of hickory-proto.

use std::net::{IpAddr, Ipv4Addr};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::svcb::{Alpn, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, SOA, SRV, SVCB, TXT};
use hickory_proto::rr::{Name as WireName, RData, Record, RecordType as Code};
use trunkline_dns::wire::{Malformed, Records, Reply, Skeleton, read_reply};
use trunkline_dns::{Name, RecordType, Transport};

use crate::Octets;

const ID: u16 = 0x1234;
const TYPES: [(RecordType, Code); 5] = [
    (RecordType::A, Code::A),
    (RecordType::Aaaa, Code::AAAA),
    (RecordType::Srv, Code::SRV),
    (RecordType::Txt, Code::TXT),
    (RecordType::Https, Code::HTTPS),
];

/// Reading never panics; what the whole decode takes, the walk takes; every address that is found
/// is one that the whole decode has in the answer section.
pub(crate) fn reading_agrees_with_the_whole_decode(message: &[u8]) {
    let walk = Skeleton::walk(message);
    let whole = Message::from_vec(message);
    if let (Err(error), Ok(whole)) = (&walk, &whole) {
        // It follows a pointer into the header, which is no name.
        assert_eq!(*error, Malformed::Pointer, "{whole:?}");
    }
    let name = Name::parse("a.test.").expect("a name");
    for transport in [Transport::Udp, Transport::Tcp] {
        for (record_type, code) in TYPES {
            let reply = read_reply(message, ID, &name, record_type, transport);
            let Reply::Found(found) = reply else { continue };
            assert!(walk.is_ok() && found.records.count() > 0);
            if let (Records::Addresses(list), Ok(whole)) = (&found.records, &whole) {
                for ip in list {
                    assert!(has_address(whole, *ip), "{ip} in {whole:?}");
                }
                assert!(whole.queries.iter().any(|query| query.query_type() == code));
            }
        }
    }
}

fn has_address(message: &Message, ip: IpAddr) -> bool {
    message.answers.iter().any(|record| match &record.data {
        RData::A(a) => IpAddr::V4(a.0) == ip,
        RData::AAAA(aaaa) => IpAddr::V6(aaaa.0) == ip,
        _ => false,
    })
}

fn name(text: &str) -> WireName {
    WireName::from_ascii(text).expect("a name")
}

fn message(code: Code, records: Vec<(&str, RData)>) -> Vec<u8> {
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.recursion_available = true;
    message.add_query(Query::query(name("a.test."), code));
    for (owner, data) in records {
        message.add_answer(Record::from_rdata(name(owner), 60, data));
    }
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 2, 3, 4, 5);
    message.add_authority(Record::from_rdata(name("test."), 60, RData::SOA(soa)));
    message.to_vec().expect("a message")
}

fn corpus() -> Vec<Vec<u8>> {
    let cname = |target: &str| RData::CNAME(CNAME(name(target)));
    let a = |last| RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
    let srv = |target: &str| RData::SRV(SRV::new(1, 2, 3, name(target)));
    let txt = RData::TXT(TXT::new(vec!["grpc_config=[]".into(), "more".into()]));
    let params = vec![
        (
            SvcParamKey::Alpn,
            SvcParamValue::Alpn(Alpn(vec!["h2".into()])),
        ),
        (SvcParamKey::Port, SvcParamValue::Port(8443)),
    ];
    let https = RData::HTTPS(HTTPS(SVCB::new(1, name("svc.test."), params)));
    vec![
        message(Code::A, vec![("a.test.", a(1)), ("a.test.", a(2))]),
        message(
            Code::A,
            vec![("b.test.", a(1)), ("a.test.", cname("b.test."))],
        ),
        message(
            Code::AAAA,
            vec![("a.test.", RData::AAAA(AAAA(1_u128.into())))],
        ),
        message(
            Code::SRV,
            vec![("a.test.", srv("b.test.")), ("a.test.", srv("."))],
        ),
        message(Code::TXT, vec![("a.test.", txt)]),
        message(Code::HTTPS, vec![("a.test.", https)]),
        message(Code::A, vec![]),
    ]
}

/// The property, on good messages, on 20,000 that were damaged, and on random octets.
#[test]
fn packets() {
    let corpus = corpus();
    let mut found = 0;
    let names = Name::parse("a.test.").expect("a name");
    for good in &corpus {
        reading_agrees_with_the_whole_decode(good);
        for (record_type, _) in TYPES {
            let reply = read_reply(good, ID, &names, record_type, Transport::Udp);
            found += usize::from(matches!(reply, Reply::Found(_)));
        }
    }
    assert_eq!(found, 6, "the corpus is what it is meant to be");
    let mut octets = Octets::from_seed(1);
    for round in 0..20_000 {
        let bad = octets.mutate(&corpus[round % corpus.len()]);
        reading_agrees_with_the_whole_decode(&bad);
    }
    for _ in 0..2_000 {
        let bad = octets.some(200);
        reading_agrees_with_the_whole_decode(&bad);
    }
}
