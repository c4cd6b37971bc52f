//! The task that reports loads to one server: it joins the core with a channel, and decides nothing.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use prost::Message;
use trunkline_channel::Channel;
use trunkline_runtime::{Alarm, Runtime};
use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::load_stats::v3::LoadStatsResponse;
use trunkline_xds_proto::method::STREAM_LOAD_STATS;

use super::link::{LinkOptions, connect};
use super::server_loads::{Demand, ServerLoads};
use super::stream::{Stream, StreamEvent};
use crate::core::ServerConfig;
use crate::core::load_reports::{LoadOutput, LoadReporter};

/// The longest message of a server that is accepted, in bytes: the names of 10,000 clusters.
const MESSAGE_LIMIT: usize = 4 << 20;

/// How long the server may take to end a stream after its last report.
const LONGEST_CLOSE: Duration = Duration::from_secs(1);

/// The most events that are handled in one poll.
const BATCH: usize = 16;

/// The task of the reports to one server.
pub(super) struct LoadTask {
    server: Arc<ServerConfig>,
    options: LinkOptions,
    loads: Arc<ServerLoads>,
    /// The channel to the server; `None` while nothing is reported to it.
    channel: Option<Channel>,
    stream: Option<Stream>,
    reporter: LoadReporter,
    runtime: Arc<dyn Runtime>,
    alarm: Alarm,
    is_stopped: bool,
    /// Until when the last report may be on its way; `None` before it is sent.
    closes_by: Option<Instant>,
}

impl LoadTask {
    /// Starts the task, if there can be a channel to the server.
    pub(super) fn spawn(
        server: &Arc<ServerConfig>,
        node: Node,
        loads: Arc<ServerLoads>,
        options: &LinkOptions,
    ) {
        // The client of the same server reports why there is none.
        let Ok(channel) = connect(server, options) else {
            return;
        };
        let runtime = Arc::clone(&options.runtime);
        let mut task = Self {
            server: Arc::clone(server),
            options: options.clone(),
            loads,
            channel: Some(channel),
            stream: None,
            reporter: LoadReporter::new(node, runtime.seed(), runtime.now()),
            alarm: Alarm::far(),
            is_stopped: false,
            closes_by: None,
            runtime,
        };
        let spawner = Arc::clone(&task.runtime);
        spawner.spawn(Box::pin(async move {
            poll_fn(|cx| task.poll(cx)).await;
        }));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..BATCH {
            let demand = self.loads.demand(cx.waker());
            if self.channel.is_none() {
                match demand {
                    Demand::Over => return Poll::Ready(()),
                    Demand::None => return Poll::Pending,
                    Demand::Reports if self.resume() => {}
                    Demand::Reports => return Poll::Ready(()),
                }
            }
            if demand != Demand::Reports && !std::mem::replace(&mut self.is_stopped, true) {
                self.reporter.handle_stop(self.runtime.now());
            }
            if self.closes_by.is_none() && self.do_outputs() {
                self.close();
            }
            if let Some(by) = self.closes_by {
                ready!(self.poll_closed(by, cx));
                (self.stream, self.channel, self.closes_by) = (None, None, None);
                continue;
            }
            if !self.poll_stream(cx) && !self.poll_alarm(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Connects again. Returns false if there can be no channel to the server.
    fn resume(&mut self) -> bool {
        self.channel = connect(&self.server, &self.options).ok();
        self.is_stopped = false;
        self.reporter.handle_resume(self.runtime.now());
        self.channel.is_some()
    }

    /// Performs all that the core asks for. Returns true at the end of all reports.
    fn do_outputs(&mut self) -> bool {
        let mut is_finished = false;
        while let Some(output) = self.reporter.poll_output() {
            match output {
                LoadOutput::Start => {
                    self.stream = self.channel.as_ref().map(|channel| {
                        let mut stream = Stream::start(channel, STREAM_LOAD_STATS, MESSAGE_LIMIT);
                        stream.read();
                        stream
                    });
                }
                // The last report may still be on its way.
                LoadOutput::End if self.is_stopped => {}
                LoadOutput::End => self.stream = None,
                LoadOutput::Send(report) => {
                    if let Some(stream) = &self.stream {
                        stream.send(&*report);
                    }
                }
                LoadOutput::Collect => {
                    let totals = self.loads.totals();
                    self.reporter.handle_totals(totals, self.runtime.now());
                }
                LoadOutput::Finished => is_finished = true,
            }
        }
        for finished in self.reporter.take_finished() {
            if self.loads.forget_unused(&finished) {
                self.reporter.handle_forgotten(&finished);
            }
        }
        is_finished
    }

    /// Ends the client's side of the stream, after the last report.
    fn close(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.finish();
        }
        self.closes_by = Some(self.runtime.now() + LONGEST_CLOSE);
    }

    /// Ready when the server has ended the stream, or has taken too long.
    fn poll_closed(&mut self, by: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarm.poll(cx, Some(by), &*self.runtime).is_ready() {
            return Poll::Ready(());
        }
        for _ in 0..BATCH {
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(());
            };
            match ready!(stream.poll_event(cx)) {
                StreamEvent::Ended(_) => return Poll::Ready(()),
                StreamEvent::Message(_) => stream.read(),
                StreamEvent::Taken(_) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Handles one event of the stream. Returns false if there was none.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let Poll::Ready(event) = stream.poll_event(cx) else {
            return false;
        };
        let now = self.runtime.now();
        match event {
            StreamEvent::Taken(count) => {
                for _ in 0..count {
                    self.reporter.handle_written();
                }
            }
            StreamEvent::Message(message) => match LoadStatsResponse::decode(message) {
                Ok(response) => {
                    stream.read();
                    self.reporter.handle_message(response, now);
                }
                Err(_) => self.end_stream(),
            },
            StreamEvent::Ended(_) => self.end_stream(),
        }
        true
    }

    fn end_stream(&mut self) {
        self.stream = None;
        self.reporter.handle_stream_ended(self.runtime.now());
    }

    /// Handles a deadline that has passed. Returns false if there is none.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.reporter.poll_timeout();
        let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.runtime) else {
            return false;
        };
        self.reporter.handle_timeout(now);
        true
    }
}
