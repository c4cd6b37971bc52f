//! Service bindings: HTTPS and SVCB records.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Name;

/// One HTTPS or SVCB record ([RFC 9460](https://www.rfc-editor.org/rfc/rfc9460)).
///
/// An alias is not followed: the caller looks it up, and bounds the number of aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Svcb {
    /// Lower is tried first; 0 for an alias, which has no parameters.
    pub priority: u16,
    /// The host, or the target of the alias. `.` is the owner of the record; for an alias, it means
    /// that there is no service. The text comes from the network and may be hostile.
    pub target: Name,
    /// True when the protocol's default ALPN id is *not* supported.
    pub no_default_alpn: bool,
    /// The port; `None` for the default port of the protocol.
    pub port: Option<u16>,
    /// IPv4 addresses to begin with until the host was looked up.
    pub ipv4_hints: Vec<Ipv4Addr>,
    /// IPv6 addresses to begin with until the host was looked up.
    pub ipv6_hints: Vec<Ipv6Addr>,
    /// The ECHConfigList of TLS, unchanged.
    pub ech: Option<Vec<u8>>,
    /// The ALPN ids, each after its length.
    alpn: Vec<u8>,
}

// Keys of parameters (RFC 9460 section 14.3.2).
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

/// Why the parameters of a record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// They have another format than RFC 9460 section 2.2.
    Malformed,
    /// A parameter that is mandatory is not supported (section 8): the record counts as absent.
    NotUnderstood,
}

impl Svcb {
    /// Returns the ALPN ids, in the server's order.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        pieces(&self.alpn).map_while(|piece| piece)
    }

    /// Returns the approximate bytes of the record.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.target.wire().len()
            + size_of_val(&*self.ipv4_hints)
            + size_of_val(&*self.ipv6_hints)
            + self.ech.as_ref().map_or(0, Vec::len)
            + self.alpn.len()
    }

    /// Reads the parameters of a record.
    pub(crate) fn parse(priority: u16, target: Name, params: &[u8]) -> Result<Self, Unusable> {
        let mut record = Self {
            priority,
            target,
            no_default_alpn: false,
            port: None,
            ipv4_hints: Vec::new(),
            ipv6_hints: Vec::new(),
            ech: None,
            alpn: Vec::new(),
        };
        let mut keys = Keys::default();
        let mut rest = params;
        while !rest.is_empty() {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or(Unusable::Malformed)?;
            let key = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (value, tail) = tail.split_at_checked(length).ok_or(Unusable::Malformed)?;
            keys.add(key)?;
            // Parameters of an alias are ignored (section 2.4.2).
            if priority != 0 {
                record
                    .set(key, value, &mut keys)
                    .ok_or(Unusable::Malformed)?;
            }
            rest = tail;
        }
        if priority != 0 {
            keys.check()?;
            if record.no_default_alpn && record.alpn.is_empty() {
                return Err(Unusable::Malformed);
            }
        }
        Ok(record)
    }

    fn set(&mut self, key: u16, value: &[u8], keys: &mut Keys) -> Option<()> {
        let has_value = !value.is_empty();
        match key {
            MANDATORY => keys.mandatory = has_value.then(|| value.to_vec())?,
            ALPN => {
                let good = pieces(value).all(|piece| piece.is_some_and(|id| !id.is_empty()));
                self.alpn = (has_value && good).then(|| value.to_vec())?;
            }
            NO_DEFAULT_ALPN => self.no_default_alpn = (!has_value).then_some(true)?,
            PORT => self.port = Some(u16::from_be_bytes(value.try_into().ok()?)),
            IPV4_HINT => self.ipv4_hints = hints::<4, _>(value)?,
            ECH => self.ech = Some(value.to_vec()),
            IPV6_HINT => self.ipv6_hints = hints::<16, _>(value)?,
            _ => {}
        }
        Some(())
    }
}

fn hints<const N: usize, T: From<[u8; N]>>(value: &[u8]) -> Option<Vec<T>> {
    let (hints, rest) = value.as_chunks::<N>();
    let good = rest.is_empty() && !hints.is_empty();
    good.then(|| hints.iter().map(|&hint| hint.into()).collect())
}

/// Returns pieces that each come after their length; `None` for one that is cut off, which is the
/// last.
fn pieces(mut rest: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        let piece = tail.split_at_checked(length.into());
        rest = piece.map_or(&[], |(_, tail)| tail);
        Some(piece.map(|(piece, _)| piece))
    })
}

/// The keys of a record that were read so far.
#[derive(Default)]
struct Keys {
    last: Option<u16>,
    /// A bit for each supported key that the record has.
    known: u8,
    mandatory: Vec<u8>,
}

impl Keys {
    /// Adds a key, which must be greater than the one before (section 2.2).
    fn add(&mut self, key: u16) -> Result<(), Unusable> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(Unusable::Malformed);
        }
        self.last = Some(key);
        if key <= IPV6_HINT {
            self.known |= 1 << key;
        }
        Ok(())
    }

    /// Checks the mandatory keys: each greater than the one before, in the record, and supported
    /// (section 8).
    fn check(&self) -> Result<(), Unusable> {
        let (keys, rest) = self.mandatory.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Unusable::Malformed);
        }
        let mut last = MANDATORY;
        let mut understood = true;
        for key in keys {
            let key = u16::from_be_bytes(*key);
            let is_present = key > IPV6_HINT || self.known & 1 << key != 0;
            if key <= last || !is_present {
                return Err(Unusable::Malformed);
            }
            understood &= key <= IPV6_HINT;
            last = key;
        }
        if understood {
            Ok(())
        } else {
            Err(Unusable::NotUnderstood)
        }
    }
}
