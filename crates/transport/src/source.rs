//! Where the data of a request comes from, and what is kept of it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;

use crate::upload::{Outgoing, Rest};

/// The most that is kept of a request so that it can be made again, in octets of memory. gRPC for Go
/// and C++ keep as much.
///
/// Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
const KEPT: usize = 256 * 1024;

/// How a call can be made again on another connection, when no server acted on it.
///
/// Of a request that streams, what was sent is kept until the head of the response comes, up to
/// 256 KiB.
///
/// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#when-retries-are-valid).
pub struct Replay<B>(Kind<B>);

enum Kind<B> {
    Whole(Option<Bytes>),
    /// Where the body is given back when its upload ends.
    Streaming(Receiver<Outgoing<B>>),
}

impl<B> Replay<B> {
    pub(crate) fn whole(data: Option<Bytes>) -> Self {
        Self(Kind::Whole(data))
    }

    /// The body as it was; `None` when a part of it is gone.
    ///
    /// For when the exchange has failed or was dropped: only then does its upload end for sure.
    pub async fn body(self) -> Option<Outgoing<B>> {
        match self.0 {
            Kind::Whole(data) => Some(Outgoing::Whole(data)),
            Kind::Streaming(back) => back.recv().await.ok(),
        }
    }
}

impl<B> fmt::Debug for Replay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Whole(_) => "Replay(whole)",
            Kind::Streaming(_) => "Replay(streaming)",
        })
    }
}

/// The rest of a request body, and what was taken from it for as long as the call may have to be
/// made again.
pub(crate) struct Source<B> {
    /// Data that came: what is kept, then what was not taken yet.
    data: VecDeque<Bytes>,
    /// How many of `data` were taken.
    taken: usize,
    /// How much those take up, in octets.
    kept: usize,
    rest: Rest<B>,
    /// Where the body goes in the end, while it is whole.
    back: Option<Sender<Outgoing<B>>>,
}

/// A piece of a request.
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl<B> Source<B> {
    pub(crate) fn new(data: VecDeque<Bytes>, rest: Rest<B>) -> (Self, Replay<B>) {
        let (back, replay) = async_channel::bounded(1);
        let source = Self {
            data,
            taken: 0,
            kept: 0,
            rest,
            back: Some(back),
        };
        (source, Replay(Kind::Streaming(replay)))
    }

    /// Keeps nothing any more: the call is not made again.
    pub(crate) fn commit(&mut self) {
        self.back = None;
        self.data.drain(..self.taken);
        self.taken = 0;
    }

    /// Gives the body back as it was, if it still can.
    pub(crate) fn give_back(&mut self) {
        if let Some(back) = self.back.take() {
            let early = std::mem::take(&mut self.data);
            let rest = std::mem::replace(&mut self.rest, Rest::End);
            // Closed when nobody wants it, and it has room for one.
            let _ = back.try_send(Outgoing::Streaming { early, rest });
        }
    }

    /// Takes the next data, if some came.
    fn take_data(&mut self) -> Option<Bytes> {
        let next = self.data.get(self.taken)?;
        if self.back.is_some() {
            // Data that is empty takes up room too.
            self.kept += next.len() + size_of::<Bytes>();
            if self.kept > KEPT {
                self.commit();
            }
        }
        if self.back.is_none() {
            return self.data.pop_front();
        }
        self.taken += 1;
        self.data.get(self.taken - 1).cloned()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Source<B> {
    /// Takes the next piece. Nothing follows trailers, or the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, B::Error>> {
        loop {
            if let Some(data) = self.take_data() {
                return Poll::Ready(Ok(Piece::Data(data)));
            }
            let body = match &mut self.rest {
                Rest::End => return Poll::Ready(Ok(Piece::End)),
                Rest::Trailers(trailers) => {
                    return Poll::Ready(Ok(Piece::Trailers(HeaderMap::clone(trailers))));
                }
                Rest::Body(body) => body,
            };
            match ready!(Pin::new(body).poll_frame(cx)) {
                None => self.rest = Rest::End,
                Some(Ok(frame)) => match Rest::of_frame(frame) {
                    Ok(data) => self.data.push_back(data),
                    Err(rest) => self.rest = rest,
                },
                Some(Err(error)) => {
                    self.commit();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}
