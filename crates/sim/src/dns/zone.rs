//! What the server knows, and how it behaves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Record;

/// How many CNAME records are followed.
const CHAIN: usize = 8;

/// How queries are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Answer with this code and nothing else: 2 is SERVFAIL, 5 is REFUSED.
    pub rcode: Option<u8>,
    /// Answer so much later.
    pub delay: Duration,
    /// Do not answer.
    pub drop: bool,
    /// Over UDP: answer nothing but "truncated", so that the client asks over TCP.
    pub truncate: bool,
}

pub(super) struct Zone {
    /// By name; the records in the order in which they were added.
    names: BTreeMap<String, Vec<(u32, Record)>>,
    behaviours: BTreeMap<(String, Option<u16>), Behaviour>,
    default: Behaviour,
    pub(super) negative_ttl_secs: u32,
}

/// A record of an answer: its owner, its TTL in seconds, its data.
pub(super) type Owned = (String, u32, Record);

impl Default for Zone {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            default: Behaviour::default(),
            negative_ttl_secs: 60,
        }
    }
}

impl Zone {
    pub(super) fn insert(&mut self, name: String, ttl_secs: u32, record: Record) {
        self.names.entry(name).or_default().push((ttl_secs, record));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn behave(&mut self, name: String, kind: Option<u16>, behaviour: Behaviour) {
        if behaviour == Behaviour::default() {
            self.behaviours.remove(&(name, kind));
        } else {
            self.behaviours.insert((name, kind), behaviour);
        }
    }

    pub(super) fn behave_by_default(&mut self, behaviour: Behaviour) {
        self.default = behaviour;
    }

    pub(super) fn behaviour(&self, name: &str, kind: u16) -> &Behaviour {
        let of = |kind| self.behaviours.get(&(name.to_owned(), kind));
        of(Some(kind)).or_else(|| of(None)).unwrap_or(&self.default)
    }

    /// The records for a question, and whether the (last) name exists at all.
    pub(super) fn find(&self, name: &str, kind: u16) -> (Vec<Owned>, bool) {
        let mut found = Vec::new();
        let mut name = name.to_owned();
        for _ in 0..CHAIN {
            let Some(records) = self.names.get(&name) else {
                return (found, false);
            };
            let owned = |(ttl, record): &(u32, Record)| (name.clone(), *ttl, record.clone());
            let matching = records.iter().filter(|(_, record)| record.kind() == kind);
            let before = found.len();
            found.extend(matching.map(owned));
            let alias = records.iter().find_map(|entry| match &entry.1 {
                Record::Cname(target) => Some((owned(entry), super::name::key(target))),
                _ => None,
            });
            match alias {
                Some((record, target)) if found.len() == before => {
                    found.push(record);
                    name = target;
                }
                _ => break,
            }
        }
        (found, true)
    }
}
