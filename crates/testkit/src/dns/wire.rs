//! Just enough of RFC 1035's format, without any check, so that the server can lie.

use super::record::{Record, Type};

/// A name as labels, uncompressed. A label of more than 63 octets is cut.
pub(super) fn encode_name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let len = label.len().min(63);
        out.push(len as u8);
        out.extend_from_slice(&label.as_bytes()[..len]);
    }
    out.push(0);
    out
}

/// Reads an uncompressed name, as questions have them: the text without the last dot (`.` for the
/// root), and where it ends. `None` if it is not one.
pub(super) fn decode_name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        match len {
            0 if name.is_empty() => return Some((".".to_owned(), at)),
            0 => return Some((name, at)),
            1..=63 => {
                let label = message.get(at..at + len)?;
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&String::from_utf8_lossy(label));
                at += len;
            }
            _ => return None,
        }
    }
}

/// Reads the number of two octets at `at`.
pub(super) fn read_u16(message: &[u8], at: usize) -> Option<u16> {
    let octets = message.get(at..at + 2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}

/// A record whose owner is `question` unless it has its own.
pub(super) fn encode_record(out: &mut Vec<u8>, record: &Record, question: &str) {
    out.extend(encode_name(record.name.as_deref().unwrap_or(question)));
    out.extend(record.data.record_type().0.to_be_bytes());
    out.extend(record.class.to_be_bytes());
    out.extend(record.ttl_secs.to_be_bytes());
    let data = record.data.encode();
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
}

/// The pseudo record of EDNS, offering 1232 octets, with the upper bits of the response code.
pub(super) fn encode_opt(out: &mut Vec<u8>, upper_rcode: u8) {
    out.push(0);
    out.extend(Type::OPT.0.to_be_bytes());
    out.extend(1232_u16.to_be_bytes());
    out.extend([upper_rcode, 0, 0, 0]);
    out.extend(0_u16.to_be_bytes());
}
