//! The result of a lookup, and its conversion to an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::wire::{Found, Records};
use crate::{
    Absence, AnswerSource, FamilyAnswer, IpAnswer, IpFamily, LookupError, LookupErrorKind, Name,
    Partial, RecordAnswer, RecordType, ScopedIp, ServerAttempt, Srv, Svcb,
};

/// The result for one type of records of one name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// There are records.
    Found {
        /// The records, shared with the cache.
        found: Arc<Found>,
        /// The origin of the records.
        source: AnswerSource,
        /// When the records expire.
        expires: Instant,
    },
    /// The name has no records of this type.
    NoData(Absence),
    /// The name, or the name that it is an alias of, does not exist.
    NotFound(Absence),
    /// No server has given a usable answer.
    Failed(LookupErrorKind),
}

impl Finding {
    pub(crate) fn is_found(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// Returns the finding as an event; `None` where the type is not of addresses.
    pub(crate) fn to_event(&self, record_type: RecordType) -> Option<FamilyAnswer> {
        let family = record_type.family()?;
        let mut answer = FamilyAnswer {
            family,
            addresses: Ok(Vec::new()),
            expires: None,
            source: None,
        };
        match self {
            Self::Found {
                found,
                source,
                expires,
            } => {
                answer.addresses = Ok(addresses(&found.records).collect());
                answer.expires = Some(*expires);
                answer.source = Some(*source);
            }
            Self::NoData(_) | Self::NotFound(_) => {}
            Self::Failed(kind) => answer.addresses = Err(*kind),
        }
        Some(answer)
    }
}

fn addresses(records: &Records) -> impl Iterator<Item = ScopedIp> {
    let list: &[IpAddr] = match records {
        Records::Addresses(list) => list,
        _ => &[],
    };
    list.iter().map(|&ip| ip.into())
}

/// A lookup that found something.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Success {
    /// The finding for each type that was asked for. At least one of them has records.
    pub findings: Vec<(RecordType, Finding)>,
    /// Every query, with its server and what the server did.
    pub attempts: Vec<ServerAttempt>,
    /// The time from the start of the lookup to its end.
    pub elapsed: Duration,
}

/// The parts that all kinds of answers have.
struct Head {
    canonical: Name,
    source: AnswerSource,
    expires: Instant,
    ttl: Duration,
    left_out: bool,
}

impl Success {
    /// Returns the parts that all answers have: those of the first type with records, and the
    /// earliest expiry. `None` where no type has records, which [`Lookup`](super::Lookup) never
    /// returns.
    fn head(&self, now: Instant) -> Option<Head> {
        let mut head: Option<Head> = None;
        for (_, finding) in &self.findings {
            let Finding::Found {
                found,
                source,
                expires,
            } = finding
            else {
                continue;
            };
            match &mut head {
                Some(head) => {
                    head.expires = head.expires.min(*expires);
                    head.left_out |= found.left_out;
                }
                None => {
                    head = Some(Head {
                        canonical: found.canonical.clone(),
                        source: *source,
                        expires: *expires,
                        ttl: Duration::ZERO,
                        left_out: found.left_out,
                    });
                }
            }
        }
        let mut head = head?;
        head.ttl = head.expires.saturating_duration_since(now);
        Some(head)
    }

    /// Converts the result to addresses.
    ///
    /// # Errors
    ///
    /// [`NoData`](LookupErrorKind::NoData) where the result has no address.
    pub fn into_ip(self, name: &str, now: Instant) -> Result<IpAnswer, LookupError> {
        let Some(head) = self.head(now) else {
            return Err(self.empty(name));
        };
        let mut list = Vec::new();
        let mut partial = None;
        for (record_type, finding) in &self.findings {
            match finding {
                Finding::Found { found, .. } => list.extend(addresses(&found.records)),
                Finding::Failed(kind) => {
                    partial = Some(Partial {
                        family: record_type.family().unwrap_or(IpFamily::Ipv4),
                        kind: *kind,
                    });
                }
                Finding::NoData(_) | Finding::NotFound(_) => {}
            }
        }
        Ok(IpAnswer {
            addresses: list,
            canonical: Some(head.canonical),
            source: head.source,
            ttl: Some(head.ttl),
            expires: Some(head.expires),
            partial,
            left_out: head.left_out,
            attempts: self.attempts,
            elapsed: self.elapsed,
        })
    }

    /// Converts the result to records of one kind.
    ///
    /// # Errors
    ///
    /// [`NoData`](LookupErrorKind::NoData) where the result has none of this kind.
    pub fn into_records<T: Record>(
        mut self,
        name: &str,
        now: Instant,
    ) -> Result<RecordAnswer<T>, LookupError> {
        match (self.head(now), self.records().and_then(T::from_records)) {
            (Some(head), Some(records)) => Ok(RecordAnswer {
                records,
                left_out: head.left_out,
                canonical: head.canonical,
                source: head.source,
                ttl: head.ttl,
                expires: head.expires,
                attempts: self.attempts,
                elapsed: self.elapsed,
            }),
            _ => Err(self.empty(name)),
        }
    }

    fn records(&mut self) -> Option<Records> {
        match self.findings.pop()? {
            (_, Finding::Found { found, .. }) => Some(Arc::unwrap_or_clone(found).records),
            _ => None,
        }
    }

    fn empty(self, name: &str) -> LookupError {
        LookupError::new(
            LookupErrorKind::NoData,
            name,
            None,
            self.attempts,
            self.elapsed,
        )
    }
}

/// A kind of records that a [`RecordAnswer`] can hold.
///
/// # Examples
///
/// ```
/// use trunkline_dns::core::{Record, Records};
///
/// /// A TXT record as text.
/// struct Text(String);
///
/// impl Record for Text {
///     fn from_records(records: Records) -> Option<Vec<Self>> {
///         let Records::Txt(list) = records else {
///             return None;
///         };
///         let text = |bytes: Vec<u8>| Self(String::from_utf8_lossy(&bytes).into_owned());
///         Some(list.into_iter().map(text).collect())
///     }
/// }
/// ```
pub trait Record: Sized {
    /// Returns the records where they are of this kind.
    fn from_records(records: Records) -> Option<Vec<Self>>;
}

impl Record for Srv {
    fn from_records(records: Records) -> Option<Vec<Self>> {
        match records {
            Records::Srv(list) => Some(list),
            _ => None,
        }
    }
}

impl Record for Svcb {
    fn from_records(records: Records) -> Option<Vec<Self>> {
        match records {
            Records::Svcb(list) => Some(list),
            _ => None,
        }
    }
}

/// The text of a TXT record.
impl Record for Vec<u8> {
    fn from_records(records: Records) -> Option<Vec<Self>> {
        match records {
            Records::Txt(list) => Some(list),
            _ => None,
        }
    }
}
