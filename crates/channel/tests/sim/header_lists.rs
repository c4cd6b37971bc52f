//! Responses whose header lists are over the client's limit fail alone.
//!
//! Source: [RFC 9113 section 10.5.1](https://www.rfc-editor.org/rfc/rfc9113#section-10.5.1).

use futures_util::future::join_all;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw::{self, ServerEvent, answer_ok, frame, grpc_head, settings};
use crate::world::{CallResult, channel, unary};

/// The limit of a channel, as the text has it.
const LIMIT: &str = "the limit of this client is 1048576 bytes";

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Adds an integer with a prefix of 7 bits. (RFC 7541 section 5.1)
fn add_length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(u8::try_from(length).expect("a short text"));
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128 + 128).expect("a byte"));
        rest /= 128;
    }
    block.push(u8::try_from(rest).expect("a byte"));
}

/// Returns a header list in as many frames of `size` bytes as it takes.
fn long_headers(stream: u32, fields: &[(&str, &str)], ends: bool, size: usize) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal field without indexing, with a new name (RFC 7541 section 6.2.2).
        block.push(0);
        for text in [name, value] {
            add_length(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    let last = block.len().div_ceil(size) - 1;
    let pieces = block.chunks(size).enumerate().map(|(at, piece)| {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        let ends_stream = if at == 0 && ends { END_STREAM } else { 0 };
        let ends_headers = if at == last { END_HEADERS } else { 0 };
        frame(kind, ends_stream | ends_headers, stream, piece)
    });
    pieces.collect::<Vec<_>>().concat()
}

const FRAME: usize = 16_384;

/// Makes ten calls on one connection: the server answers the fifth with these bytes, and then the
/// others with OK. Returns the result of the fifth, then those of the others.
fn one_of_ten(answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static) -> Vec<CallResult> {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, move |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(19) => {
                let others = (1..=19).step_by(2).filter(|stream| *stream != 9);
                let others: Vec<_> = others.map(answer_ok).collect();
                [answer(9), others.concat()].concat()
            }
            ServerEvent::Call(_) => Vec::new(),
        })
    });
    let channel = channel(&sim, 1);
    let mut results = sim.run(join_all((0..10).map(|_| unary(&channel, b"hello"))));
    assert_eq!((counts.accepts(), counts.calls()), (1, 10));
    results.swap(0, 4);
    results
}

/// Checks that the call with this answer fails alone, with the limit in its text.
fn check(words: &[&str], answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static) {
    let mut results = one_of_ten(answer).into_iter();
    let words = [&["198.51.100.1:50051", LIMIT], words].concat();
    let fifth = results.next().expect("a result");
    fifth.expect(Code::ResourceExhausted, &words);
    for other in results {
        other.expect_ok();
    }
}

/// The lengths of a message: a little over the limit, over that of h2, and as long as one connection
/// survives.
const LENGTHS: [usize; 4] = [1_048_576, 2_000_000, 2_100_000, 2_600_000];

#[test]
fn a_head_over_the_limit() {
    for length in LENGTHS {
        for ends in [false, true] {
            let message = "m".repeat(length);
            check(&[], move |stream| {
                let fields = [
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", "13"),
                    ("grpc-message", &message),
                ];
                long_headers(stream, &fields, ends, FRAME)
            });
        }
    }
}

/// The status before the message is quoted. h2 cuts the list off after it.
#[test]
fn trailers_over_the_limit() {
    for length in LENGTHS {
        let message = "m".repeat(length);
        let text = message.clone();
        check(&["its grpc-status is 3"], move |stream| {
            let fields = [("grpc-status", "3"), ("grpc-message", &text)];
            let trailers = long_headers(stream, &fields, true, FRAME);
            [grpc_head(stream), trailers].concat()
        });
        check(&["trailer"], move |stream| {
            let fields = [("grpc-message", &*message), ("grpc-status", "3")];
            let trailers = long_headers(stream, &fields, true, FRAME);
            [grpc_head(stream), trailers].concat()
        });
    }
}

/// Many small fields, too.
#[test]
fn many_fields_over_the_limit() {
    let value = "v".repeat(100);
    check(&[], move |stream| {
        let mut fields = vec![("x-many", &*value); 9_000];
        fields.push(("grpc-status", "0"));
        let trailers = long_headers(stream, &fields, true, FRAME);
        [grpc_head(stream), trailers].concat()
    });
}

/// Header lists under the limit arrive, in however many frames.
#[test]
fn a_list_under_the_limit() {
    for (length, size) in [(1_048_000, FRAME), (1_000, 10)] {
        let message = "m".repeat(length);
        let results = one_of_ten(move |stream| {
            let fields = [("grpc-status", "3"), ("grpc-message", &*message)];
            let trailers = long_headers(stream, &fields, true, size);
            [grpc_head(stream), trailers].concat()
        });
        let status = &results[0].status;
        assert_eq!(status.code(), Code::InvalidArgument, "{length}");
        assert_eq!(status.message().len(), length);
    }
}

/// A list far over the limit ends the connection: h2 does that. Every error has the reason, and the
/// limit.
#[test]
fn a_list_far_over_the_limit() {
    let message = "m".repeat(20_000_000);
    let results = one_of_ten(move |stream| {
        let fields = [("grpc-status", "3"), ("grpc-message", &*message)];
        let trailers = long_headers(stream, &fields, true, FRAME);
        [grpc_head(stream), trailers].concat()
    });
    let mut results = results.into_iter();
    let fifth = results.next().expect("a result");
    fifth.expect(Code::ResourceExhausted, &[LIMIT]);
    for other in results {
        let words = [
            "another call's response",
            "limit of this client, 1048576 bytes",
        ];
        other.expect(Code::Unavailable, &words);
    }
}

/// A list in very many tiny frames ends the connection: h2 does that. The text does not blame the
/// server for this side's ENHANCE_YOUR_CALM.
#[test]
fn a_list_in_tiny_frames() {
    let message = "m".repeat(1_000);
    let results = one_of_ten(move |stream| {
        let fields = [("grpc-status", "3"), ("grpc-message", &*message)];
        let trailers = long_headers(stream, &fields, true, 1);
        [grpc_head(stream), trailers].concat()
    });
    for result in results {
        let words = ["this client ended it", "too_many_continuations"];
        result.expect(Code::Unavailable, &words);
    }
}
