//! Answers on the wire.

use super::name;
use super::query::Parsed;
use super::zone::{Owned, Zone};

/// What every client takes over UDP (RFC 1035 section 2.3.4).
const PLAIN_UDP: u16 = 512;
/// What this server says that it takes (RFC 6891 section 6.2.5).
const OUR_UDP: u16 = 1232;

const NXDOMAIN: u8 = 3;
const SOA: u16 = 6;

const TRUNCATED: u16 = 0x0200;

/// The answer to a query, from the zone; what the behaviour says is done already, but for its
/// code and its truncation.
pub(super) fn answer(zone: &Zone, query: &Parsed, tcp: bool) -> Vec<u8> {
    let behaviour = zone.behaviour(&query.name, query.kind);
    if let Some(rcode) = behaviour.rcode {
        return message(query, u16::from(rcode & 0xF), &[], None);
    }
    if behaviour.truncate && !tcp {
        return message(query, TRUNCATED, &[], None);
    }
    let (found, exists) = zone.find(&query.name, query.kind);
    let rcode = match exists {
        true => 0,
        false => NXDOMAIN,
    };
    let positive = found
        .iter()
        .any(|(_, _, record)| record.kind() == query.kind);
    let negative_ttl = (!positive).then_some(zone.negative_ttl_secs);
    let whole = message(query, u16::from(rcode), &found, negative_ttl);
    let limit = usize::from(query.udp_size.unwrap_or(PLAIN_UDP).max(PLAIN_UDP));
    match tcp || whole.len() <= limit {
        true => whole,
        false => message(query, TRUNCATED, &[], None),
    }
}

fn message(query: &Parsed, flags: u16, answers: &[Owned], negative_ttl: Option<u32>) -> Vec<u8> {
    // An answer, recursion available.
    let mut flags = flags | 0x8080;
    if query.recursion_desired {
        flags |= 0x0100;
    }
    let counts = [
        1,
        answers.len() as u16,
        u16::from(negative_ttl.is_some()),
        u16::from(query.udp_size.is_some()),
    ];
    let mut out = Vec::new();
    out.extend_from_slice(&query.id.to_be_bytes());
    out.extend_from_slice(&flags.to_be_bytes());
    for count in counts {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out.extend_from_slice(&query.question);
    for (owner, ttl, record) in answers {
        match *owner == query.name {
            // Points to the question.
            true => out.extend_from_slice(&[0xC0, 12]),
            false => name::write(owner, &mut out),
        }
        let mut data = Vec::new();
        record.write_data(&mut data);
        write_rest(record.kind(), *ttl, &data, &mut out);
    }
    if let Some(ttl) = negative_ttl {
        // Of the root, which is above every name: no names, four times zero, the minimum TTL
        // (RFC 2308 section 5).
        out.push(0);
        let mut data = vec![0; 2 + 4 * 4];
        data.extend_from_slice(&ttl.to_be_bytes());
        write_rest(SOA, ttl, &data, &mut out);
    }
    if query.udp_size.is_some() {
        let [high, low] = OUR_UDP.to_be_bytes();
        out.extend_from_slice(&[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
    }
    out
}

/// Writes a record after its owner: type, class IN, TTL, data.
fn write_rest(kind: u16, ttl: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
}
