//! The script of a server: replies by name and type.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use trunkline_sim::dns::{Query, Transport, Type, normalized};

use super::reply::Reply;

/// The script of a server: replies by name and type.
///
/// It uses no sockets and no clock, so that a simulated network can use it too.
#[derive(Debug, Default)]
pub struct Script {
    /// The replies by normalized name, type, and transport (`None` for both). Each query gets the
    /// first reply, which is then removed unless it is the last one.
    replies: BTreeMap<(String, Type, Option<Transport>), VecDeque<Reply>>,
    /// The reply for names that are not in `replies`.
    default: Option<Reply>,
}

/// The response to one query.
#[derive(Debug)]
pub struct Response {
    /// The query.
    pub query: Query,
    /// The script's reply. The caller applies its delay.
    pub reply: Reply,
    /// The messages to send.
    pub messages: Vec<Vec<u8>>,
}

impl Script {
    /// Sets the replies to a question, on one transport or (`None`) on both. Each query gets the
    /// next reply. Queries after the last reply get that reply again.
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

    /// Sets the reply for unknown names; NXDOMAIN by default.
    pub fn set_default(&mut self, reply: Reply) {
        self.default = Some(reply);
    }

    /// Removes all replies for `name`.
    pub fn remove(&mut self, name: &str) {
        let name = normalized(name);
        self.replies.retain(|(owner, ..), _| *owner != name);
    }

    /// Returns the response to a message; `None` if the message is no query with one question.
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

    /// Returns the reply to `query`: "no data" for a name that has replies for other types only,
    /// the default for an unknown name.
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
