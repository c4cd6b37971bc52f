//! One attempt to connect a subchannel.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use trunkline_endpoint::Address;
use trunkline_lb::SubchannelId;
use trunkline_runtime::Runtime;
use trunkline_status::Status;
use trunkline_transport::{Connection, Connector, HttpOptions, Link, handshake};

use crate::control::Event;
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
        let event = match result {
            None => return,
            Some(Ok((connection, link))) => {
                self.runtime.spawn(Box::pin(link));
                Event::Connected {
                    id: self.id,
                    connection,
                }
            }
            Some(Err(error)) => {
                let error = error.unwrap_or_else(|| {
                    let waited = self.runtime.now().saturating_duration_since(started);
                    format!("gave up after {waited:?}: {phase}")
                });
                Event::Failed {
                    id: self.id,
                    error: Status::unavailable(error),
                }
            }
        };
        self.tell(event);
    }

    async fn connect(&self, phase: &mut Phase) -> Result<(Connection, Link), Option<String>> {
        let stream = self
            .connector
            .connect(&self.address)
            .await
            .map_err(|error| {
                // The operating system's words end with "(os error 111)", which helps nobody.
                let text = error.to_string();
                Some(
                    text.split(" (os error ")
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                )
            })?;
        *phase = Phase::Handshake;
        self.tell(Event::Progress {
            id: self.id,
            phase: *phase,
        });
        let (id, events) = (self.id, self.events.clone());
        let on_lost = move |lost: trunkline_transport::Lost| {
            let _ = events.try_send(Event::Lost {
                id,
                why: lost.to_string(),
            });
        };
        handshake(stream, &self.http, on_lost)
            .await
            .map_err(|error| Some(error.to_string()))
    }

    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}
