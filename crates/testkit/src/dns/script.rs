//! What the server knows: replies by name and type.

use std::collections::{BTreeMap, VecDeque};

use super::query::{Query, Transport};
use super::record::Type;
use super::reply::Reply;

#[derive(Debug, Default)]
pub(super) struct Script {
    /// By name (lower case), type, and transport (`None` for both). Each query takes the first
    /// reply; the last one stays.
    replies: BTreeMap<(String, Type, Option<Transport>), VecDeque<Reply>>,
    /// For names that are not in `replies`.
    default: Option<Reply>,
}

impl Script {
    pub(super) fn set(
        &mut self,
        name: &str,
        record_type: Type,
        transport: Option<Transport>,
        replies: impl IntoIterator<Item = Reply>,
    ) {
        let key = (normal(name), record_type, transport);
        self.replies.insert(key, replies.into_iter().collect());
    }

    pub(super) fn set_default(&mut self, reply: Reply) {
        self.default = Some(reply);
    }

    /// Forgets all replies for `name`.
    pub(super) fn remove(&mut self, name: &str) {
        let name = normal(name);
        self.replies.retain(|(owner, ..), _| *owner != name);
    }

    /// The reply to `query`. A name that is known for another type has no data; one that is not
    /// known does not exist.
    pub(super) fn reply(&mut self, query: &Query) -> Reply {
        let name = normal(&query.name);
        for transport in [Some(query.transport), None] {
            let key = (name.clone(), query.record_type, transport);
            if let Some(replies) = self.replies.get_mut(&key) {
                let next = match replies.len() {
                    0 | 1 => replies.front().cloned(),
                    _ => replies.pop_front(),
                };
                return next.unwrap_or_else(Reply::no_data);
            }
        }
        if self.replies.keys().any(|(owner, ..)| *owner == name) {
            return Reply::no_data();
        }
        self.default.clone().unwrap_or_else(Reply::nxdomain)
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
