//! The task of a client: it joins the core with the channels to the servers, and decides nothing.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use trunkline_runtime::Alarm;
use trunkline_status::Status;
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;
use trunkline_xds_proto::method::STREAM_AGGREGATED_RESOURCES;

use super::client::ClientShared;
use super::link::{Link, LinkEvent};
use super::stream::StreamEvent;
use crate::core::ads::{AdsClient, AdsOutput, LinkId, StreamId, read_response};

/// The most events that are handled in one poll. After them the task yields: a server that always has
/// more must not hold up the other tasks of its thread.
const BATCH: usize = 64;

/// The task of one client.
pub(super) struct ClientTask {
    shared: Arc<ClientShared>,
    links: BTreeMap<LinkId, Link>,
    alarm: Alarm,
}

impl ClientTask {
    /// Runs until nothing uses the client any more.
    pub(super) async fn run(shared: Arc<ClientShared>) {
        let mut task = Self {
            shared,
            links: BTreeMap::new(),
            alarm: Alarm::far(),
        };
        poll_fn(|cx| task.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..BATCH {
            if self.shared.is_over(cx.waker()) {
                // Nothing is watched any more, and observers are notified of it.
                self.do_outputs();
                self.links.clear();
                return Poll::Ready(());
            }
            let has_acted = self.do_outputs();
            // Events that are there come before a deadline of the same moment.
            let has_events = self.poll_links(cx) || has_acted;
            if !has_events && !self.poll_alarm(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Performs all that the core asks for. Returns false if there was nothing.
    fn do_outputs(&mut self) -> bool {
        let outputs = self.shared.take_outputs();
        let has_any = !outputs.is_empty();
        for (output, inbox) in outputs {
            match output {
                AdsOutput::Connect { link, server } => {
                    let made = Link::new(&server, &self.shared.links);
                    self.links.insert(link, made);
                }
                AdsOutput::Disconnect { link } => {
                    self.links.remove(&link);
                }
                AdsOutput::StartStream { stream } => {
                    let limit = self.shared.links.message_limit;
                    if let Some(link) = self.links.get_mut(&stream.link()) {
                        link.start(stream, STREAM_AGGREGATED_RESOURCES, limit);
                    }
                }
                AdsOutput::EndStream { stream } => {
                    if let Some(link) = self.links.get_mut(&stream.link()) {
                        link.end(stream);
                    }
                }
                AdsOutput::Send { stream, request } => {
                    if let Some(stream) = self.stream(stream) {
                        stream.send(&*request);
                    }
                }
                AdsOutput::Read { stream } => {
                    if let Some(stream) = self.stream(stream) {
                        stream.read();
                    }
                }
                AdsOutput::Deliver(delivery) => {
                    if let Some(inbox) = inbox {
                        inbox.push(delivery);
                    }
                }
                AdsOutput::Event(event) => self.shared.observe(&event),
            }
        }
        has_any
    }

    fn stream(&mut self, stream: StreamId) -> Option<&mut super::stream::Stream> {
        self.links.get_mut(&stream.link())?.stream(stream)
    }

    /// Handles one event of each link. Returns false if there was none.
    fn poll_links(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_any = false;
        for (id, link) in &mut self.links {
            if let Poll::Ready(event) = link.poll_event(cx) {
                has_any = true;
                if let Some(broken) = self.shared.handle(*id, event) {
                    link.end(broken);
                }
            }
        }
        has_any
    }

    /// Handles a deadline that has passed. Returns false if there is none.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.shared.with_core(|core| core.poll_timeout());
        let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.shared.links.runtime) else {
            return false;
        };
        self.shared.with_core(|core| core.handle_timeout(now));
        true
    }
}

impl ClientShared {
    /// Handles what happened on a link. Returns the stream that is to be cancelled, if its server broke
    /// the protocol.
    fn handle(&self, link: LinkId, event: LinkEvent) -> Option<StreamId> {
        let now = self.links.runtime.now();
        let (broken, has_progressed) = self.with_core(|core| {
            let before = core.progress_of(link);
            let broken = handle(core, link, event, now);
            (broken, core.progress_of(link) != before)
        });
        if has_progressed {
            self.wake_waiting();
        }
        broken
    }
}

fn handle(core: &mut AdsClient, link: LinkId, event: LinkEvent, now: Instant) -> Option<StreamId> {
    match event {
        LinkEvent::Failed(text) => core.handle_connect_failed(link, &text),
        LinkEvent::Stream(stream, StreamEvent::Taken(count)) => {
            for _ in 0..count {
                core.handle_written(stream, now);
            }
        }
        LinkEvent::Stream(stream, StreamEvent::Message(message)) => match decode(&message) {
            Ok(response) => core.handle_message(stream, response, now),
            Err(status) => {
                core.handle_stream_ended(stream, &status, now);
                return Some(stream);
            }
        },
        LinkEvent::Stream(stream, StreamEvent::Ended(status)) => {
            core.handle_stream_ended(stream, &status, now);
        }
    }
    None
}

fn decode(message: &Bytes) -> Result<DiscoveryResponse, Status> {
    let len = message.len();
    read_response(message)
        .map_err(|error| Status::internal(format!("a message of {len} bytes: {error}")))
}
