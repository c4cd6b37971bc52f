//! The subscription to resources of one type over one link.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryRequest;
use trunkline_xds_proto::google::rpc;

use crate::core::resource_type::ResourceType;

/// `google.rpc.Code.INVALID_ARGUMENT`: the code of every NACK.
const INVALID_ARGUMENT: i32 = 3;

/// How long the answer waits to a response of the same version that is refused for the same reasons as the
/// one before it.
///
/// Common servers send a response again as soon as it is refused. Without a pause both sides would do
/// nothing else.
const REPEATED_NACK: Duration = Duration::from_secs(1);

/// What a link asks for of one type, and what of it the server knows.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    /// The names that are asked for, sorted.
    names: BTreeMap<Arc<str>, Name>,
    /// The version that was accepted last, on any stream of the link.
    version: String,
    /// The nonce of the last response on this stream; empty before the first one.
    nonce: String,
    /// Whether this stream has asked for a resource of the type.
    was_requested: bool,
    /// Whether the names differ from those of the last request.
    is_changed: bool,
    /// The answer that the last response waits for.
    answer: Option<Answer>,
    /// Before this time the answer waits for a change of the names; `None` if it is due.
    answer_at: Option<Instant>,
    /// The version of the last response on this stream, and why it was refused; `None` if it was not.
    refused: Option<(String, String)>,
}

/// A name on the current stream.
#[derive(Debug, Default)]
struct Name {
    was_sent: bool,
    /// The deadline of its timer, in time of reading; `None` without a timer.
    deadline: Option<Duration>,
}

/// How a response is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// All of it is valid.
    Ack,
    /// A part of it is invalid, for these reasons.
    Nack(String),
}

/// A request, and the names that this stream had not asked for before it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) message: DiscoveryRequest,
    pub(super) new_names: Vec<Arc<str>>,
}

impl Subscription {
    /// Adds a name.
    pub(super) fn add(&mut self, name: &Arc<str>) {
        if !self.names.contains_key(name) {
            self.names.insert(Arc::clone(name), Name::default());
            self.is_changed = true;
        }
    }

    /// Removes a name, and returns the deadline of its timer.
    pub(super) fn remove(&mut self, name: &str) -> Option<Duration> {
        let removed = self.names.remove(name)?;
        self.is_changed = true;
        removed.deadline
    }

    /// Returns whether a name is asked for.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Sets the deadline of a name's timer, and returns the one that it had.
    pub(super) fn set_deadline(
        &mut self,
        name: &str,
        deadline: Option<Duration>,
    ) -> Option<Duration> {
        let name = self.names.get_mut(name)?;
        std::mem::replace(&mut name.deadline, deadline)
    }

    /// Returns whether this stream has asked for a resource of the type.
    pub(super) fn was_requested(&self) -> bool {
        self.was_requested
    }

    /// Returns whether a response waits for its answer, which is due from now on.
    pub(super) fn hurry_answer(&mut self) -> bool {
        self.answer_at = None;
        self.answer.is_some()
    }

    /// Returns when an answer that waits is due.
    pub(super) fn next_answer(&self) -> Option<Instant> {
        self.answer_at
    }

    /// Handles a response: the answer is due, unless it is the response before it again, and refused.
    pub(super) fn handle_response(
        &mut self,
        version: &str,
        nonce: String,
        answer: Answer,
        now: Instant,
    ) {
        self.answer_at = None;
        match &answer {
            Answer::Ack => {
                version.clone_into(&mut self.version);
                self.refused = None;
            }
            Answer::Nack(why) => {
                let refused = Some((version.to_owned(), why.clone()));
                if self.refused == refused {
                    self.answer_at = Some(now + REPEATED_NACK);
                }
                self.refused = refused;
            }
        }
        self.nonce = nonce;
        self.answer = Some(answer);
    }

    /// Handles the end of the stream: the next one asks for everything again.
    pub(super) fn handle_stream_end(&mut self) {
        self.nonce.clear();
        self.was_requested = false;
        self.is_changed = !self.names.is_empty();
        self.answer = None;
        self.answer_at = None;
        self.refused = None;
        for name in self.names.values_mut() {
            *name = Name::default();
        }
    }

    /// Returns the request that is due, if there is one. It has all names, and answers the last
    /// response.
    ///
    /// A type without names is not mentioned on a stream that has not asked for any: as the first
    /// request of a type, a list without names asks for everything.
    pub(super) fn take_request(&mut self, kind: ResourceType, now: Instant) -> Option<Request> {
        if !self.was_requested && self.names.is_empty() {
            self.is_changed = false;
            return None;
        }
        if !self.is_changed && self.answer_at.is_some_and(|at| now < at) {
            return None;
        }
        self.answer_at = None;
        let answer = self.answer.take();
        if answer.is_none() && !self.is_changed {
            return None;
        }
        self.is_changed = false;
        self.was_requested = true;
        let mut new_names = Vec::new();
        for (name, state) in &mut self.names {
            if !state.was_sent {
                state.was_sent = true;
                new_names.push(Arc::clone(name));
            }
        }
        let error_detail = match answer {
            Some(Answer::Nack(message)) => Some(rpc::Status {
                code: INVALID_ARGUMENT,
                message,
                details: Vec::new(),
            }),
            Some(Answer::Ack) | None => None,
        };
        Some(Request {
            message: DiscoveryRequest {
                version_info: self.version.clone(),
                node: None,
                resource_names: self.names.keys().map(|name| name.to_string()).collect(),
                type_url: kind.url().to_owned(),
                response_nonce: self.nonce.clone(),
                error_detail,
            },
            new_names,
        })
    }
}
