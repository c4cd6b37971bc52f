//! What the server knows: replies by name and type.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use trunkline_sim::dns::{Query, Transport, Type, normalized};

use super::reply::Reply;

/// What a server knows: replies by name and type. No sockets and no clock, so that a simulated
/// network can carry it too.
#[derive(Debug, Default)]
pub struct Script {
    /// By name (lower case), type, and transport (`None` for both). Each query takes the first
    /// reply; the last one stays.
    replies: BTreeMap<(String, Type, Option<Transport>), VecDeque<Reply>>,
    /// For names that are not in `replies`.
    default: Option<Reply>,
}

/// What is to be done about one query.
#[derive(Debug)]
pub struct Response {
    /// The query.
    pub query: Query,
    /// The reply that the script has for it; its delay is up to who sends it.
    pub reply: Reply,
    /// The messages to send.
    pub messages: Vec<Vec<u8>>,
}

impl Script {
    /// Answers this question with one reply after the other, of which the last one stays; on one
    /// transport or on both.
    pub fn set(
        &mut self,
        name: &str,
        record_type: Type,
        transport: Option<Transport>,
        replies: impl IntoIterator<Item = Reply>,
    ) {
        let key = (normalized(name), record_type, transport);
        self.replies.insert(key, replies.into_iter().collect());
    }

    /// Answers questions about unknown names with this reply.
    pub fn set_default(&mut self, reply: Reply) {
        self.default = Some(reply);
    }

    /// Forgets all replies for `name`.
    pub fn remove(&mut self, name: &str) {
        let name = normalized(name);
        self.replies.retain(|(owner, ..), _| *owner != name);
    }

    /// What to do about a message; `None` if it holds no question.
    pub fn respond(
        &mut self,
        message: &[u8],
        transport: Transport,
        from: SocketAddr,
    ) -> Option<Response> {
        let query = Query::parse(message, transport, from)?;
        let reply = self.reply(&query);
        Some(Response {
            messages: reply.encode(&query),
            query,
            reply,
        })
    }

    /// The reply to `query`. A name that is known for another type has no data; one that is not
    /// known does not exist.
    fn reply(&mut self, query: &Query) -> Reply {
        let name = normalized(&query.name);
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
