//! One attempt to connect a subchannel.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use trunkline_connector::Connector;
use trunkline_endpoint::Address;
use trunkline_lb::SubchannelId;
use trunkline_runtime::Runtime;
use trunkline_status::Status;
use trunkline_transport::{Connection, ConnectionDriver, HttpOptions, Lost, handshake};

use crate::control::task::Event;
use crate::core::Phase;

/// One attempt to connect a subchannel, as a task of its own that reports by events.
pub(crate) struct Attempt {
    pub(crate) id: SubchannelId,
    pub(crate) address: Address,
    pub(crate) deadline: Instant,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) http: HttpOptions,
    pub(crate) events: Sender<Event>,
    /// Closed when nobody wants the connection any more.
    pub(crate) cancelled: Receiver<()>,
}

impl Attempt {
    pub(crate) async fn run(self) {
        let mut outcome = Outcome {
            id: self.id,
            events: self.events.clone(),
            is_known: false,
        };
        let started = self.runtime.now();
        let mut phase = Phase::Dialling;
        let result = {
            let mut connect = pin!(self.connect(&mut phase));
            let mut late = self.runtime.sleep_until(self.deadline);
            let mut cancelled = pin!(self.cancelled.recv());
            poll_fn(|cx| {
                if let Poll::Ready(result) = connect.as_mut().poll(cx) {
                    return Poll::Ready(Some(result));
                }
                if cancelled.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                pin!(&mut late).poll(cx).map(|()| Some(Err(None)))
            })
            .await
        };
        match result {
            None => outcome.is_known = true,
            Some(Ok((connection, link))) => {
                // Before the link can say that the connection is lost again: what is said of a
                // connection that nobody knows is not heard.
                outcome.tell(Event::Connected {
                    id: self.id,
                    connection,
                });
                self.runtime.spawn(Box::pin(link));
            }
            Some(Err(error)) => outcome.failed(error.unwrap_or_else(|| {
                let waited = self.runtime.now().saturating_duration_since(started);
                format!("gave up after {waited:?}: {phase}")
            })),
        }
    }

    async fn connect(
        &self,
        phase: &mut Phase,
    ) -> Result<(Connection, ConnectionDriver), Option<String>> {
        let connected = self
            .connector
            .connect(&self.address)
            .await
            .map_err(|error| Some(without_numbers(&error.to_string())))?;
        *phase = Phase::Handshake;
        let _ = self.events.try_send(Event::Progress {
            id: self.id,
            phase: *phase,
        });
        let (id, events) = (self.id, self.events.clone());
        let on_lost = move |why: Lost| {
            let _ = events.try_send(Event::Lost { id, why });
        };
        handshake(
            connected.stream,
            &self.http,
            Arc::clone(&self.runtime),
            on_lost,
        )
        .await
        .map_err(|error| Some(without_numbers(&error.to_string())))
    }
}

/// Sees to it that an attempt has one: also when a connector panics, or a runtime drops tasks.
struct Outcome {
    id: SubchannelId,
    events: Sender<Event>,
    is_known: bool,
}

impl Outcome {
    fn tell(&mut self, event: Event) {
        self.is_known = true;
        // Unbounded; closed only when the control task is gone.
        let _ = self.events.try_send(event);
    }

    fn failed(&mut self, error: impl Into<Cow<'static, str>>) {
        self.tell(Event::Failed {
            id: self.id,
            error: Status::unavailable(error),
        });
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if !self.is_known {
            self.failed("the task of the attempt was dropped, or its connector panicked");
        }
    }
}

/// What the operating system says without its "(os error 111)", which helps nobody.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows a number stays: the other addresses of a race, say.
    #[test]
    fn numbers_of_the_operating_system_are_left_out() {
        for (text, plain) in [
            ("Connection refused (os error 111)", "Connection refused"),
            ("a: x (os error 1), b: y (os error 2); c", "a: x, b: y; c"),
            ("timed out", "timed out"),
            ("cut (os error 1", "cut1"),
        ] {
            assert_eq!(without_numbers(text), plain);
        }
    }
}
