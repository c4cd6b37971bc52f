//! The reply of a server to a query.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_sim::dns::{Answer, Data, Query, Rcode, Record, Transport};

/// What a server does with a query. Every field accepts any value, also one that makes no sense.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The response code.
    pub rcode: Rcode,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section, to which an OPT record is added if the query has one.
    pub additional: Vec<Record>,
    /// Whether the reply over UDP is an empty message with TC set, and only the one over TCP is
    /// whole.
    pub truncate: bool,
    /// Whether the reply over UDP is whole, whatever size the client accepts.
    pub oversize: bool,
    /// The delay before the server sends.
    pub delay: Duration,
    /// Whether the server waits for [`DnsServer::release`](super::DnsServer::release) before it
    /// sends.
    pub held: bool,
    form: ReplyForm,
}

#[derive(Clone, Default)]
enum ReplyForm {
    #[default]
    Message,
    Silence,
    Raw(Arc<Forge>),
}

/// Returns the messages to send for a query.
type Forge = dyn Fn(&Query) -> Vec<Vec<u8>> + Send + Sync;

impl Reply {
    /// Returns a reply with these records.
    #[must_use]
    pub fn records(answers: impl IntoIterator<Item = Record>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Returns a reply with records of this data, with a TTL in seconds.
    #[must_use]
    pub fn data(ttl_secs: u32, data: impl IntoIterator<Item = Data>) -> Self {
        Self::records(
            data.into_iter()
                .map(|data| Record::new(data).with_ttl(ttl_secs)),
        )
    }

    /// Returns a reply with A records, with a TTL in seconds.
    #[must_use]
    pub fn a<const N: usize>(ttl_secs: u32, addresses: [Ipv4Addr; N]) -> Self {
        Self::data(ttl_secs, addresses.map(Data::A))
    }

    /// Returns a reply with AAAA records, with a TTL in seconds.
    #[must_use]
    pub fn aaaa<const N: usize>(ttl_secs: u32, addresses: [Ipv6Addr; N]) -> Self {
        Self::data(ttl_secs, addresses.map(Data::Aaaa))
    }

    /// Returns a reply with an A or AAAA record for each address, with a TTL in seconds. Pass only
    /// addresses that fit the question's type.
    #[must_use]
    pub fn addresses(ttl_secs: u32, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self::data(
            ttl_secs,
            addresses.into_iter().map(|address| match address {
                IpAddr::V4(v4) => Data::A(v4),
                IpAddr::V6(v6) => Data::Aaaa(v6),
            }),
        )
    }

    /// Returns a reply without records, with this response code.
    #[must_use]
    pub fn rcode(rcode: Rcode) -> Self {
        Self {
            rcode,
            ..Self::default()
        }
    }

    /// Returns the reply that the name does not exist, which may be cached for 60 s.
    #[must_use]
    pub fn nxdomain() -> Self {
        Self {
            authority: vec![zone_start()],
            ..Self::rcode(Rcode::NXDOMAIN)
        }
    }

    /// Returns the reply that the name exists and has no record of this type, which may be cached
    /// for 60 s.
    #[must_use]
    pub fn no_data() -> Self {
        Self {
            authority: vec![zone_start()],
            ..Self::default()
        }
    }

    /// Returns a reply that sends nothing.
    #[must_use]
    pub fn silence() -> Self {
        Self {
            form: ReplyForm::Silence,
            ..Self::default()
        }
    }

    /// Returns a reply of these bytes, of which the first two are replaced by the query's id.
    #[must_use]
    pub fn raw(message: impl Into<Vec<u8>>) -> Self {
        let message = message.into();
        Self::forged(move |query| {
            let mut message = message.clone();
            for (to, from) in message.iter_mut().zip(query.id()) {
                *to = from;
            }
            vec![message]
        })
    }

    /// Returns a reply that sends the messages that `forge` returns for the query: any number, with
    /// any content.
    pub fn forged(forge: impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self {
            form: ReplyForm::Raw(Arc::new(forge)),
            ..Self::default()
        }
    }

    /// Returns the reply, to be sent after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Returns the reply, to be sent on [`DnsServer::release`](super::DnsServer::release).
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Returns the reply, which is an empty message with TC set over UDP and whole over TCP.
    #[must_use]
    pub fn truncated(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Returns the messages to send.
    pub(super) fn encode(&self, query: &Query) -> Vec<Vec<u8>> {
        match &self.form {
            ReplyForm::Silence => Vec::new(),
            ReplyForm::Raw(forge) => forge(query),
            ReplyForm::Message => {
                let answer = self.answer(query);
                let message = if query.transport == Transport::Tcp {
                    answer.encode_whole(query)
                } else if self.truncate {
                    answer.encode_truncated(query)
                } else if self.oversize {
                    answer.encode_whole(query)
                } else {
                    answer.encode(query)
                };
                vec![message]
            }
        }
    }

    /// Returns the answer with every owner written out. Compression would make a message smaller
    /// than the sum of its records, which tests of size limits count on.
    fn answer(&self, query: &Query) -> Answer {
        let written_out = |records: &[Record]| {
            let records = records.iter().cloned();
            let owned = records.map(|record| match record.name {
                Some(_) => record,
                None => record.owned_by(&query.name),
            });
            owned.collect()
        };
        Answer {
            rcode: self.rcode,
            answers: written_out(&self.answers),
            authority: written_out(&self.authority),
            additional: written_out(&self.additional),
        }
    }
}

/// Returns an SOA record of the zone `test` that lets negative answers be cached for 60 s.
fn zone_start() -> Record {
    Record::new(Data::Soa { minimum: 60 }).owned_by("test")
}

impl fmt::Debug for ReplyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "Message",
            Self::Silence => "Silence",
            Self::Raw(_) => "Raw(..)",
        })
    }
}
