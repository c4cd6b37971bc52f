//! What the server sends as the answer to a call, step by step.

use bytes::Bytes;
use prost::Message;

use super::frame::{
    END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, MAX_PAYLOAD, PING, RST_STREAM,
};
use crate::suite::judge::LARGE_RESPONSE;
use crate::suite::proto::{Payload, SimpleResponse};

/// The head of a response: `:status: 200` from HPACK's static table, and `content-type`.
const HEAD: &[u8] = b"\x88\x0f\x10\x10application/grpc";

/// The trailers: `grpc-status: 0`.
const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

/// The code of a reset and of a GOAWAY.
const NO_ERROR: [u8; 4] = [0; 4];

/// The bytes and the padding of a frame in the cases on padding.
const SMALL: usize = 5;
const PADDING: u8 = 255;

/// The behavior of the server: one of the suite's cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    Goaway,
    RstAfterHeader,
    RstDuringData,
    RstAfterData,
    Ping,
    MaxStreams,
    DataFramePadding,
    NoDataFramePadding,
}

/// One step of a response.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A frame that flow control does not hold up.
    Frame(Frame),
    /// Bytes of the body, which wait for the client's windows.
    Data(Data),
}

/// Bytes of the body.
#[derive(Clone, Debug)]
pub(super) struct Data {
    pub(super) bytes: Bytes,
    /// The bytes in a frame, at most.
    pub(super) a_frame: usize,
    /// The padding of each frame; `None` for frames without the flag.
    pub(super) padding: Option<u8>,
}

impl Behavior {
    /// Returns the response to the call on this stream.
    pub(super) fn response(self, stream: u32) -> Vec<Step> {
        let head = || headers(stream, HEAD, 0);
        let trailers = || headers(stream, TRAILERS, END_STREAM);
        let reset = || Step::Frame(Frame::new(RST_STREAM, stream, NO_ERROR));
        let ping = || Step::Frame(Frame::new(PING, 0, *b"a ping. "));
        let body = body();
        match self {
            Self::Goaway => {
                // Other calls of this connection are not answered: their streams have higher numbers.
                let last = [stream.to_be_bytes(), NO_ERROR].concat();
                let goaway = Step::Frame(Frame::new(GOAWAY, 0, last));
                vec![goaway, head(), data(body), trailers()]
            }
            Self::RstAfterHeader => vec![head(), reset()],
            Self::RstDuringData => {
                let half = body.slice(..body.len() / 2);
                vec![head(), data(half), reset()]
            }
            Self::RstAfterData => vec![head(), data(body), reset()],
            Self::Ping => {
                vec![ping(), head(), ping(), data(body), ping(), trailers()]
            }
            Self::MaxStreams => vec![head(), data(body), trailers()],
            Self::DataFramePadding | Self::NoDataFramePadding => {
                let small = Step::Data(Data {
                    bytes: body,
                    a_frame: SMALL,
                    padding: (self == Self::DataFramePadding).then_some(PADDING),
                });
                vec![head(), small, trailers()]
            }
        }
    }
}

fn headers(stream: u32, block: &[u8], flags: u8) -> Step {
    Step::Frame(Frame::new(HEADERS, stream, block).with(END_HEADERS | flags))
}

fn data(bytes: Bytes) -> Step {
    Step::Data(Data {
        bytes,
        a_frame: MAX_PAYLOAD,
        padding: None,
    })
}

/// Returns the large response with its gRPC prefix.
fn body() -> Bytes {
    let message = SimpleResponse {
        payload: Some(Payload::zeros(LARGE_RESPONSE)),
        ..SimpleResponse::default()
    }
    .encode_to_vec();
    // The length fits: the message has some 300 KB.
    let length = message.len() as u32;
    [&[0], &length.to_be_bytes()[..], &message].concat().into()
}
