//! An HTTP/2 server that does what a test requests, and nothing by itself: it answers no call, and changes
//! its limits at any time.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use futures_util::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use h2::Reason;
use trunkline_runtime::{Lock, Stream};
use trunkline_sim::Sim;

use crate::raw::{
    self, FRAME_HEADER, MAX_CONCURRENT_STREAMS, PREFACE, answer_ok, go_away, one_setting,
};
use crate::world::address;

/// A call that the server received: the number of its connection (the first is 0), and its stream.
pub(crate) type ReceivedCall = (usize, u32);

/// An HTTP/2 server of which the test makes each step.
#[derive(Clone, Default)]
pub(crate) struct HandServer(Arc<Lock<Facts>>);

#[derive(Default)]
struct Facts {
    /// The limit of concurrent calls of new connections.
    limit: u32,
    /// True while new connections get no SETTINGS.
    is_silent: bool,
    /// What is to be written on each connection; `None` once it was closed.
    connections: Vec<Option<Sender<Vec<u8>>>>,
    /// The calls that were received and not answered, in the order of their arrival.
    calls: Vec<ReceivedCall>,
}

impl HandServer {
    /// Starts a server that allows `limit` concurrent calls on each connection.
    pub(crate) fn start(sim: &Sim, host: u8, limit: u32) -> Self {
        let server = Self::default();
        server.0.lock().limit = limit;
        let mut listener = sim.net().listen(address(host)).expect("a free address");
        let (runtime, own) = (sim.runtime(), server.clone());
        sim.spawn("hand server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (number, answers) = own.accept();
                let (reader, writer) = (stream).split();
                runtime.spawn(Box::pin(write(writer, answers)));
                runtime.spawn(Box::pin(own.clone().read(number, reader)));
            }
        });
        server
    }

    fn accept(&self) -> (usize, Receiver<Vec<u8>>) {
        let mut facts = self.0.lock();
        let (sender, answers) = async_channel::unbounded();
        if !facts.is_silent {
            let settings = one_setting(MAX_CONCURRENT_STREAMS, facts.limit);
            let _ = sender.try_send(settings);
        }
        facts.connections.push(Some(sender));
        (facts.connections.len() - 1, answers)
    }

    async fn read(self, number: usize, mut reader: ReadHalf<Box<dyn Stream>>) {
        let mut preface = [0; PREFACE];
        if reader.read_exact(&mut preface).await.is_err() {
            return;
        }
        let mut header = [0; FRAME_HEADER];
        while reader.read_exact(&mut header).await.is_ok() {
            let [a, b, c, kind, flags, id @ ..] = header;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            if reader.read_exact(&mut payload).await.is_err() {
                break;
            }
            let call = (number, u32::from_be_bytes(id));
            match kind {
                raw::SETTINGS if flags & raw::ACK == 0 => {
                    let is_silent = self.0.lock().is_silent;
                    if !is_silent {
                        self.send(number, settings_ack());
                    }
                }
                raw::HEADERS => self.0.lock().calls.push(call),
                raw::RST_STREAM => self.0.lock().calls.retain(|own| *own != call),
                _ => {}
            }
        }
        self.close(number);
    }

    /// Writes bytes on a connection.
    pub(crate) fn send(&self, connection: usize, bytes: Vec<u8>) {
        if let Some(sender) = &self.0.lock().connections[connection] {
            let _ = sender.try_send(bytes);
        }
    }

    /// Sets the limit of concurrent calls of new connections.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.0.lock().limit = limit;
    }

    /// Changes the limit of concurrent calls of a connection.
    pub(crate) fn change_limit(&self, connection: usize, limit: u32) {
        self.send(connection, one_setting(MAX_CONCURRENT_STREAMS, limit));
    }

    /// Sets whether new connections get no SETTINGS.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.0.lock().is_silent = is_silent;
    }

    /// Sends the SETTINGS of a connection that was accepted while the server was silent.
    pub(crate) fn send_settings(&self, connection: usize) {
        let limit = self.0.lock().limit;
        self.change_limit(connection, limit);
        self.send(connection, settings_ack());
    }

    /// Answers a call with the status OK.
    pub(crate) fn answer(&self, call: ReceivedCall) {
        self.0.lock().calls.retain(|own| *own != call);
        self.send(call.0, answer_ok(call.1));
    }

    /// Answers all calls, in the order of their arrival.
    pub(crate) fn answer_all(&self) {
        for call in self.calls() {
            self.answer(call);
        }
    }

    /// Sends GOAWAY on a connection; calls after `last_stream` were not acted on.
    pub(crate) fn go_away(&self, connection: usize, last_stream: u32) {
        self.send(connection, go_away(last_stream, Reason::NO_ERROR, b""));
    }

    /// Closes a connection.
    pub(crate) fn close(&self, connection: usize) {
        let mut facts = self.0.lock();
        facts.connections[connection] = None;
        facts.calls.retain(|call| call.0 != connection);
    }

    /// Returns the number of connections that were accepted.
    pub(crate) fn accepts(&self) -> usize {
        self.0.lock().connections.len()
    }

    /// Returns the calls that were received and not answered, in the order of their arrival.
    pub(crate) fn calls(&self) -> Vec<ReceivedCall> {
        self.0.lock().calls.clone()
    }

    /// Returns the connections of these calls, in the order of their arrival.
    pub(crate) fn placed(&self) -> Vec<usize> {
        self.calls().into_iter().map(|call| call.0).collect()
    }
}

/// Returns the acknowledgement of the client's SETTINGS.
fn settings_ack() -> Vec<u8> {
    raw::frame(raw::SETTINGS, raw::ACK, 0, &[])
}

async fn write(mut writer: WriteHalf<Box<dyn Stream>>, answers: Receiver<Vec<u8>>) {
    while let Ok(bytes) = answers.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = writer.close().await;
}
