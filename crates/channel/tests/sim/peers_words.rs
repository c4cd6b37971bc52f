//! The status that a peer sends: the caller sees the server's code and the readable part of its
//! message, also when the peer breaks the rules of gRPC.
//!
//! Source: [gRPC over HTTP/2, Responses](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).

use std::time::Duration;

use futures_util::FutureExt;
use h2::Reason;
use h2::server::Builder;
use http_body_util::Full;
use tower_service::Service;
use trunkline_runtime::PeerAddr;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::raw::{self, ServerEvent, data, grpc_head, headers, settings};
use crate::world::{
    CallResult, ServerCall, address, channel, read_to_end, request, response_head, serve, unary,
    unary_within, with_timeout,
};

/// Makes a call that a server answers with the bytes of `answer`.
fn answered(answer: fn(u32) -> Vec<u8>) -> CallResult {
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, answer);
    sim.run(unary_within(&channel(&sim, 1), "5S"))
}

/// The fields of a gRPC response's head.
const GRPC: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];

/// Returns the head of a response that has a `grpc-status`.
fn with_status(stream: u32, code: &str, ends: bool) -> Vec<u8> {
    let [status, content_type] = GRPC;
    let fields = [
        status,
        content_type,
        ("grpc-status", code),
        ("grpc-message", "from the head"),
    ];
    headers(stream, &fields, ends)
}

/// When both the head and the trailers have a status, that of the trailers is the status of the
/// call.
#[test]
fn trailers_win_over_the_head() {
    let answer = |id| {
        let end = [("grpc-status", "13"), ("grpc-message", "disk full")];
        [
            with_status(id, "0", false),
            data(id, b"hi", false),
            headers(id, &end, true),
        ]
        .concat()
    };
    answered(answer).expect(Code::Internal, &["disk full"]);
}

/// A status in the head is the status of the call when no trailers with a status follow.
#[test]
fn a_status_in_the_head_counts_without_trailers() {
    let answer = |id| [with_status(id, "5", false), data(id, b"", true)].concat();
    answered(answer).expect(Code::NotFound, &["from the head"]);
    let answer = |id| {
        let end = [("no-status", "here")];
        [with_status(id, "5", false), headers(id, &end, true)].concat()
    };
    answered(answer).expect(Code::NotFound, &["from the head"]);
}

/// A status whose message is not UTF-8 keeps its code and the readable part of the message.
#[test]
fn a_message_that_is_not_utf8_is_repaired() {
    let message = [
        ("grpc-status", "3"),
        ("grpc-message", "the caf%E9 is closed"),
    ];
    let answer = move |id| [grpc_head(id), headers(id, &message, true)].concat();
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, answer);
    let outcome = sim.run(unary(&channel(&sim, 1), b"hello"));
    outcome.expect(Code::InvalidArgument, &["the caf\u{fffd} is closed"]);
}

/// The message for a response that is not gRPC quotes the start of its body, or the target of its
/// redirect.
#[test]
fn a_proxys_reason_is_quoted() {
    let answer = |id| {
        let fields = [(":status", "503"), ("content-type", "text/plain")];
        let body = b"upstream connect error\x1b[31m";
        [headers(id, &fields, false), data(id, body, true)].concat()
    };
    let words = ["503", "It said: \"upstream connect error\\u{1b}[31m\""];
    answered(answer).expect(Code::Unavailable, &words);
    let answer = |id| {
        let fields = [(":status", "302"), ("location", "https://login.test/")];
        headers(id, &fields, true)
    };
    answered(answer).expect(Code::Unknown, &["302", "redirects to https://login.test/"]);
}

/// The excerpt of a body that is not gRPC is bounded: the call waits for it for 1 s at most, and
/// reads 256 bytes of it at most.
#[test]
fn an_excerpt_is_bounded() {
    let sim = Sim::new(1);
    raw::serve(&sim, 1, |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(stream) => {
                let fields = [(":status", "503"), ("content-type", "text/plain")];
                headers(stream, &fields, false)
            }
        })
    });
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &["503"]);
    assert!(
        sim.elapsed() < Duration::from_millis(1100),
        "{:?}",
        sim.elapsed()
    );

    let endless = answered(|id| {
        let fields = [(":status", "503"), ("content-type", "text/plain")];
        [headers(id, &fields, false), data(id, &[b'x'; 9_000], false)].concat()
    });
    let outcome = endless.expect(Code::Unavailable, &["xxx"]);
    assert!(outcome.status.message().len() < 512, "{}", outcome.status);
}

/// The response of a call that a peer refuses contains the peer's address, as that of a successful
/// call does.
#[test]
fn the_peer_of_a_refused_call_is_known() {
    let outcome = answered(|id| headers(id, &[(":status", "503")], true));
    assert_eq!(outcome.peer, Some(PeerAddr::Ip(address(1))));
}

/// Makes a call with a deadline of 20 ms, which the server ends at once with `end`, and polls the
/// call again only after the deadline.
fn polled_late(end: fn(ServerCall)) -> CallResult {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), move |incoming| async move {
        end(incoming);
    });
    let mut channel = channel(&sim, 1);
    let runtime = sim.runtime();
    sim.run(async {
        unary(&channel, b"connect").await;
        let mut call = channel.call(with_timeout(request(Full::new("hello".into())), "20m"));
        assert!((&mut call).now_or_never().is_none());
        runtime
            .sleep_until(runtime.now() + Duration::from_millis(30))
            .await;
        let Ok(response) = call.await;
        read_to_end(response).await
    })
}

/// Ends a call at the server with trailers.
fn end_with_trailers(mut incoming: ServerCall, code: Code) {
    if let Ok(mut send) = incoming.respond.send_response(response_head(), false) {
        let _ = send.send_trailers(Status::new(code, "").to_trailers());
    }
}

/// Ends a call at the server with a trailers-only response.
fn end_with_head(mut incoming: ServerCall, code: Code) {
    let mut head = response_head();
    Status::new(code, "").add_to_trailers(head.headers_mut());
    let _ = incoming.respond.send_response(head, true);
}

/// A call whose failure is read after its deadline ends with DEADLINE_EXCEEDED, also when the
/// server cancelled it, by trailers, a trailers-only response or a reset. A call that succeeded
/// ends with OK.
#[test]
fn a_failure_after_the_deadline_is_deadline_exceeded() {
    let words = ["20ms", "198.51.100.1:50051"];
    for end in [
        |incoming| end_with_trailers(incoming, Code::Cancelled),
        |incoming| end_with_head(incoming, Code::Cancelled),
        |mut incoming: ServerCall| incoming.respond.send_reset(Reason::CANCEL),
    ] {
        polled_late(end).expect(Code::DeadlineExceeded, &words);
    }
    polled_late(|incoming| end_with_trailers(incoming, Code::Ok)).expect_ok();
    polled_late(|incoming| end_with_head(incoming, Code::Ok)).expect_ok();
}

/// The message of a deadline that passes while the body is read contains the backend's address.
#[test]
fn a_deadline_in_the_body_names_the_backend() {
    let outcome = answered(grpc_head);
    let words = ["reading the response from 198.51.100.1:50051"];
    outcome.expect(Code::DeadlineExceeded, &words);
}
