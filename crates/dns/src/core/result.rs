//! What a lookup ended with, and how it becomes an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::wire::{Found, Records};
use crate::{
    AnswerSource, Family, FamilyAnswer, IpAnswer, LookupError, LookupErrorKind, Name, Partial,
    RecordAnswer, RecordType, ScopedIp, ServerAttempt, Srv, Svcb,
};

/// What was found out about one type of records of one name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// There are records.
    Found {
        /// The records, which the cache shares.
        found: Arc<Found>,
        /// Where they come from.
        source: AnswerSource,
        /// When they must be asked for anew.
        expires: Instant,
    },
    /// There are none of this type.
    NoData,
    /// The name does not exist.
    NotFound,
    /// Nobody could tell.
    Failed(LookupErrorKind),
}

impl Finding {
    pub(crate) fn is_found(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// The finding as an event; `None` where the type has no family.
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
            Self::NoData | Self::NotFound => {}
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
    /// What was found out about each type that was asked for: records of one of them at least.
    pub findings: Vec<(RecordType, Finding)>,
    /// Every server asked and what it did.
    pub attempts: Vec<ServerAttempt>,
    /// How long it took.
    pub elapsed: Duration,
}

/// The parts that every answer has.
struct Head {
    canonical: Name,
    source: AnswerSource,
    expires: Instant,
    ttl: Duration,
}

impl Success {
    /// Where the answer comes from, with the end of the shortest life; `None` where nothing was
    /// found, which [`Lookup`](super::Lookup) never makes.
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
                Some(head) => head.expires = head.expires.min(*expires),
                None => {
                    head = Some(Head {
                        canonical: found.canonical.clone(),
                        source: *source,
                        expires: *expires,
                        ttl: Duration::ZERO,
                    });
                }
            }
        }
        let mut head = head?;
        head.ttl = head.expires.saturating_duration_since(now);
        Some(head)
    }

    /// The answer as addresses.
    ///
    /// # Errors
    ///
    /// [`NoData`](LookupErrorKind::NoData) where no address is in it.
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
                        family: record_type.family().unwrap_or(Family::Ipv4),
                        kind: *kind,
                    });
                }
                Finding::NoData | Finding::NotFound => {}
            }
        }
        Ok(IpAnswer {
            addresses: list,
            canonical: Some(head.canonical),
            source: head.source,
            ttl: Some(head.ttl),
            expires: Some(head.expires),
            partial,
            attempts: self.attempts,
            elapsed: self.elapsed,
        })
    }

    /// The answer as records of one kind.
    ///
    /// # Errors
    ///
    /// [`NoData`](LookupErrorKind::NoData) where none is in it.
    pub fn into_records<T: Record>(
        mut self,
        name: &str,
        now: Instant,
    ) -> Result<RecordAnswer<T>, LookupError> {
        match (self.head(now), self.records().and_then(T::from_records)) {
            (Some(head), Some(records)) => Ok(RecordAnswer {
                records,
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
pub trait Record: Sized {
    /// The records, where they are of this kind.
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
