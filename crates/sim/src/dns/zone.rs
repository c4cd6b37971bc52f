//! The records of a simulated server, and how it treats queries.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Answer;
use super::code::{Rcode, Type};
use super::name;
use super::query::{Query, Transport};
use super::record::{Data, Record};

/// How many CNAME records the server follows.
const MAX_CHAIN: usize = 8;
/// The TTL of negative answers, in seconds, unless a test sets another one.
const NEGATIVE_TTL_SECS: u32 = 60;

/// How the server treats a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Answers with this code and without records.
    pub rcode: Option<Rcode>,
    /// Delays the answer by this much virtual time.
    pub delay: Duration,
    /// Does not answer.
    pub drop: bool,
    /// Answers over UDP with an empty message that has TC set, so that the client asks over TCP.
    pub truncate: bool,
}

#[derive(Debug)]
pub(super) struct Zone {
    /// The records of each name, in the order in which they were added.
    names: BTreeMap<String, Vec<Record>>,
    behaviours: BTreeMap<(String, Option<Type>), Behaviour>,
    default_behaviour: Behaviour,
    pub(super) negative_ttl_secs: u32,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            default_behaviour: Behaviour::default(),
            negative_ttl_secs: NEGATIVE_TTL_SECS,
        }
    }
}

impl Zone {
    /// Adds a record to a normalized name.
    pub(super) fn insert(&mut self, name: String, ttl_secs: u32, data: Data) {
        let record = Record::new(data).with_ttl(ttl_secs);
        self.names.entry(name).or_default().push(record);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn behave(&mut self, name: String, record_type: Option<Type>, behaviour: Behaviour) {
        if behaviour == Behaviour::default() {
            self.behaviours.remove(&(name, record_type));
        } else {
            self.behaviours.insert((name, record_type), behaviour);
        }
    }

    pub(super) fn behave_by_default(&mut self, behaviour: Behaviour) {
        self.default_behaviour = behaviour;
    }

    /// Returns the behaviour for a question: that of the name and type, else that of the name,
    /// else the default.
    pub(super) fn behaviour(&self, name: &str, record_type: Type) -> &Behaviour {
        let of = |record_type| self.behaviours.get(&(name.to_owned(), record_type));
        of(Some(record_type))
            .or_else(|| of(None))
            .unwrap_or(&self.default_behaviour)
    }

    /// Returns the message that answers `query`. The caller handles the delay and the drop of its
    /// behaviour.
    pub(super) fn answer(&self, query: &Query) -> Vec<u8> {
        let name = name::normalized(&query.name);
        let behaviour = self.behaviour(&name, query.record_type);
        if let Some(rcode) = behaviour.rcode {
            let answer = Answer {
                rcode,
                ..Answer::default()
            };
            return answer.encode(query);
        }
        if behaviour.truncate && query.transport == Transport::Udp {
            return Answer::default().encode_truncated(query);
        }
        self.find(name, query.record_type).encode(query)
    }

    /// Returns the records for a question, and those of the aliases that lead to them. A negative
    /// answer has an SOA record.
    fn find(&self, question: String, record_type: Type) -> Answer {
        let mut answer = Answer::default();
        let mut name = question.clone();
        for _ in 0..MAX_CHAIN {
            let Some(records) = self.names.get(&name) else {
                answer.rcode = Rcode::NXDOMAIN;
                break;
            };
            let owned = |record: &Record| {
                if name == question {
                    record.clone()
                } else {
                    record.clone().owned_by(&name)
                }
            };
            let is_match = |record: &&Record| record.data.record_type() == record_type;
            let before = answer.answers.len();
            let matching = records.iter().filter(is_match);
            answer.answers.extend(matching.map(owned));
            let alias = records.iter().find_map(|record| match &record.data {
                Data::Cname(target) => Some((owned(record), name::normalized(target))),
                _ => None,
            });
            match alias {
                Some((record, target)) if answer.answers.len() == before => {
                    answer.answers.push(record);
                    name = target;
                }
                _ => break,
            }
        }
        let found = answer.answers.iter();
        let is_positive = found
            .map(|record| record.data.record_type())
            .any(|found| found == record_type);
        if !is_positive {
            answer.authority.push(self.start());
        }
        answer
    }

    /// Returns the SOA record of the root, which is above every name.
    fn start(&self) -> Record {
        let minimum = self.negative_ttl_secs;
        let record = Record::new(Data::Soa { minimum });
        record.owned_by(".").with_ttl(minimum)
    }
}
