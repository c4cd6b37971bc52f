//! Sending the rest of a request.

mod handle;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use http_body::Body;
use trunkline_status::{Code, Status};

use self::handle::UploadFacts;
pub(crate) use self::handle::UploadHandle;
use crate::header_list::header_list_size;
use crate::message_limit::MessageLimit;
use crate::messages::MessageListener;
use crate::outbound::Outbound;
use crate::replay::{BodyReader, Piece, message_too_large};

/// Sends a streaming request body for one attempt; done when all of it is sent, when the server
/// wants no more of it, or when the response was dropped.
///
/// Spawn it: it goes on while the caller waits for the response, or reads it.
#[must_use = "the rest of the request is not sent unless this is polled"]
pub struct Upload<B> {
    /// `None` until the call is admitted to its connection.
    send: Option<SendStream<Bytes>>,
    body: BodyReader<B>,
    /// The limit of the messages, if there is one.
    messages: Option<MessageLimit>,
    outbound: Outbound,
    /// Data that waits for room in the flow-control window.
    waiting: Option<Bytes>,
    facts: Arc<UploadFacts>,
    /// The longest trailers that the server takes, in bytes as HTTP/2 counts them.
    max_header_list: u32,
    is_done: bool,
}

impl<B> Upload<B> {
    pub(crate) fn new(
        body: BodyReader<B>,
        messages: Option<MessageLimit>,
        listener: Option<Arc<dyn MessageListener>>,
        max_header_list: u32,
    ) -> (Self, UploadHandle) {
        let facts = Arc::<UploadFacts>::default();
        let handle = UploadHandle::new(Arc::clone(&facts));
        let upload = Self {
            send: None,
            body,
            messages,
            outbound: Outbound::new(listener),
            waiting: None,
            facts,
            max_header_list,
            is_done: false,
        };
        (upload, handle)
    }

    /// Gives the attempt up: resets its stream, and records why for the reader of the response.
    ///
    /// If the HEADERS were not written yet, h2 sends the reset after them. No data waits then: h2 gives
    /// no room for data to a stream that is not open.
    fn give_up(&mut self, why: Status) {
        self.facts.fail(why);
        if let Some(mut send) = self.send.take().or_else(|| self.facts.take_stream()) {
            send.send_reset(h2::Reason::CANCEL);
        }
    }

    /// Sends as much of `data` as there is room for. The rest waits.
    fn send_some(&mut self, mut data: Bytes, room: usize) -> Result<(), h2::Error> {
        let part = data.split_to(room.min(data.len()));
        self.waiting = Some(data).filter(|data| !data.is_empty());
        let Some(send) = self.send.as_mut().filter(|_| !part.is_empty()) else {
            return Ok(());
        };
        self.facts
            .set_handed(self.outbound.send(send, part, false)?);
        Ok(())
    }
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.facts.register(cx);
        loop {
            if self.send.is_none() {
                self.send = self.facts.take_stream();
            }
            if self.facts.is_closed() {
                if let Some(send) = &mut self.send {
                    send.send_reset(h2::Reason::CANCEL);
                }
                return Poll::Ready(Ok(()));
            }
            let Some(send) = &mut self.send else {
                return Poll::Pending;
            };
            // The server may want no more of the request: it has answered, or reset the call.
            if send.poll_reset(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if let Some(data) = self.waiting.take_if(|data| !data.is_empty()) {
                send.reserve_capacity(data.len());
                // `poll_capacity` is ready only when the capacity has changed.
                let room = match send.capacity() {
                    0 => send.poll_capacity(cx),
                    room => Poll::Ready(Some(Ok(room))),
                };
                self.facts.set_waits(room.is_pending());
                match room {
                    Poll::Ready(Some(room)) => {
                        let room = room?;
                        self.send_some(data, room)?;
                        continue;
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => {
                        self.waiting = Some(data);
                        return Poll::Pending;
                    }
                }
            }
            let facts = &self.facts;
            match ready!(self.body.poll_next(cx, || !facts.is_closed())) {
                Ok(Piece::Data(data)) => {
                    if let Some(limit) = &mut self.messages
                        && let Err(error) = limit.check(&data)
                    {
                        self.give_up(message_too_large(error));
                        return Poll::Ready(Ok(()));
                    }
                    self.waiting = Some(data);
                }
                Ok(Piece::Trailers(trailers)) => {
                    let (size, limit) = (header_list_size(&trailers), self.max_header_list);
                    if size > limit as usize {
                        let text = format!(
                            "the request's trailers are too large: {size} bytes, and the server \
                             takes at most {limit} (SETTINGS_MAX_HEADER_LIST_SIZE)"
                        );
                        self.give_up(Status::new(Code::ResourceExhausted, text));
                        return Poll::Ready(Ok(()));
                    }
                    return Poll::Ready(send.send_trailers(trailers));
                }
                Ok(Piece::End) => return Poll::Ready(send.send_data(Bytes::new(), true)),
                // The response was dropped, which is handled at the start of the loop.
                Ok(Piece::Unwanted) => {}
                Err(status) => {
                    self.give_up(status);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<B> Future for Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The reader of the response gets the errors that matter.
        let _ = ready!(self.poll_upload(cx));
        self.body.close();
        self.is_done = true;
        Poll::Ready(())
    }
}

impl<B> Drop for Upload<B> {
    /// Gives the attempt up when half of the request was sent: the body panicked, or the runtime
    /// ends. No answer to it can come.
    fn drop(&mut self) {
        if !self.is_done {
            let why = "the task that sends the request's body was dropped before its end";
            self.give_up(Status::internal(why));
        }
    }
}

impl<B> fmt::Debug for Upload<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}
