//! Domain names on the wire (RFC 1035 section 3.1).

/// The longest name in text form, without the final dot (RFC 1035 section 2.3.4: 255 bytes on
/// the wire).
const MAX_NAME: usize = 253;
/// The longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// Returns `name` in lower case and without its final dot, so that equal names compare equal.
///
/// The root is the empty string.
#[must_use]
pub fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Returns whether a [`normalized`] name fits on the wire.
pub(super) fn is_valid(name: &str) -> bool {
    let fits = |label: &str| (1..=MAX_LABEL).contains(&label.len());
    name.is_empty() || name.len() <= MAX_NAME && name.split('.').all(fits)
}

/// Writes a name uncompressed. A label of more than 63 bytes is cut.
pub(super) fn write(name: &str, out: &mut Vec<u8>) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let len = label.len().min(MAX_LABEL);
        out.push(len as u8);
        out.extend_from_slice(&label.as_bytes()[..len]);
    }
    out.push(0);
}

/// Reads the uncompressed name at `at`; returns it as it is written, without the final dot (`.`
/// for the root), and the offset behind it.
///
/// Returns `None` for a truncated or compressed name: the name in a question has nothing before
/// it to point to.
pub(super) fn read(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        match len {
            0 if name.is_empty() => return Some((".".to_owned(), at)),
            0 => return Some((name, at)),
            1..=MAX_LABEL => {
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
