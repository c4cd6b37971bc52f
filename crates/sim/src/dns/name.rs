//! Domain names on the wire (RFC 1035 section 3.1).

/// A name as the zone keeps it: lower case, no last dot.
pub(super) fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a name can be written.
pub(super) fn is_valid(name: &str) -> bool {
    name.is_empty()
        || name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// Writes a name, uncompressed. The name is valid.
pub(super) fn write(name: &str, out: &mut Vec<u8>) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // Bounded by `is_valid`.
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
}

/// Reads an uncompressed name; returns it and its length on the wire.
pub(super) fn read(octets: &[u8]) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = 0;
    loop {
        let len = usize::from(*octets.get(at)?);
        at += 1;
        match len {
            0 => return Some((name.to_ascii_lowercase(), at)),
            1..=63 => {
                if !name.is_empty() {
                    name.push('.');
                }
                let label = octets.get(at..at + len)?;
                name.push_str(&String::from_utf8_lossy(label));
                at += len;
            }
            // A question has nothing that it could point to.
            _ => return None,
        }
    }
}
