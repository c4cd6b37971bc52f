//! What the server does about a query.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use trunkline_sim::dns::{Answer, Data, Query, Rcode, Record, Transport};

/// What the server does about a query. All fields may be set to any nonsense.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The response code.
    pub rcode: Rcode,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
    /// The additional section; EDNS is added by itself where the query has it.
    pub additional: Vec<Record>,
    /// Whether UDP gets an empty message with TC set, and only TCP the whole.
    pub truncate: bool,
    /// Whether UDP gets all of it, whatever size the client asked for.
    pub oversize: bool,
    /// How long the server waits before it sends.
    pub delay: Duration,
    /// Whether the server waits for [`DnsServer::release`](super::DnsServer::release).
    pub held: bool,
    form: Form,
}

#[derive(Clone, Default)]
enum Form {
    #[default]
    Message,
    Silence,
    Raw(Arc<Forge>),
}

/// Makes messages from a query.
type Forge = dyn Fn(&Query) -> Vec<Vec<u8>> + Send + Sync;

impl Reply {
    /// These records.
    #[must_use]
    pub fn records(answers: impl IntoIterator<Item = Record>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }

    /// These records, by their data, each kept for `ttl_secs`.
    #[must_use]
    pub fn data(ttl_secs: u32, data: impl IntoIterator<Item = Data>) -> Self {
        Self::records(
            data.into_iter()
                .map(|data| Record::new(data).with_ttl(ttl_secs)),
        )
    }

    /// IPv4 addresses.
    #[must_use]
    pub fn a<const N: usize>(ttl_secs: u32, addresses: [Ipv4Addr; N]) -> Self {
        Self::data(ttl_secs, addresses.map(Data::A))
    }

    /// IPv6 addresses.
    #[must_use]
    pub fn aaaa<const N: usize>(ttl_secs: u32, addresses: [Ipv6Addr; N]) -> Self {
        Self::data(ttl_secs, addresses.map(Data::Aaaa))
    }

    /// Addresses of both families; for one record type only those that fit it are meant.
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

    /// No records, and this response code.
    #[must_use]
    pub fn rcode(rcode: Rcode) -> Self {
        Self {
            rcode,
            ..Self::default()
        }
    }

    /// The name does not exist; may be believed for a minute.
    #[must_use]
    pub fn nxdomain() -> Self {
        Self {
            authority: vec![zone_start()],
            ..Self::rcode(Rcode::NXDOMAIN)
        }
    }

    /// The name exists and has nothing of this type; may be believed for a minute.
    #[must_use]
    pub fn no_data() -> Self {
        Self {
            authority: vec![zone_start()],
            ..Self::default()
        }
    }

    /// Nothing at all is sent.
    #[must_use]
    pub fn silence() -> Self {
        Self {
            form: Form::Silence,
            ..Self::default()
        }
    }

    /// These octets, with the id of the query in place of the first two.
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

    /// Whatever `forge` makes of the query: any number of messages, sent as they are.
    pub fn forged(forge: impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self {
            form: Form::Raw(Arc::new(forge)),
            ..Self::default()
        }
    }

    /// Sent after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sent when it is released.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// UDP gets an empty message with TC set, TCP the whole.
    #[must_use]
    pub fn truncated(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// Returns the messages to send.
    pub(super) fn encode(&self, query: &Query) -> Vec<Vec<u8>> {
        match &self.form {
            Form::Silence => Vec::new(),
            Form::Raw(forge) => forge(query),
            Form::Message => {
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

fn zone_start() -> Record {
    Record::new(Data::Soa { minimum: 60 }).owned_by("test")
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "Message",
            Self::Silence => "Silence",
            Self::Raw(_) => "Raw(..)",
        })
    }
}
