//! What servers, proxies and web servers answer, and what becomes of it.
//!
//! Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md),
//! [HTTP to gRPC status](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).

use std::time::Duration;

use h2::Reason;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw::{
    self, DATA, ServerEvent, answer_ok, data, frame, go_away, grpc_head, headers, reset, settings,
    trailers,
};
use crate::world::{CallResult, channel, unary, unary_within};

/// The call of a server that answers its first call with these octets, others with OK.
fn first_answer(answer: fn(u32) -> Vec<u8>) -> CallResult {
    let sim = Sim::new(1);
    raw::serve(&sim, 1, move |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(1) => answer(1),
            ServerEvent::Call(stream) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        let outcome = unary_within(&channel, "5S").await;
        unary(&channel, b"the connection still serves")
            .await
            .expect_ok();
        outcome
    })
}

/// Head, messages, trailers.
#[test]
fn a_whole_answer() {
    let outcome =
        first_answer(|id| [grpc_head(id), data(id, b"hi", false), trailers(id, "0")].concat());
    assert_eq!(outcome.expect_ok().data, "hi");
}

/// Trailers-only: the head is the trailers.
#[test]
fn trailers_only() {
    first_answer(|id| {
        let fields = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "5"),
            ("grpc-message", "no%20such thing"),
        ];
        headers(id, &fields, true)
    })
    .expect(Code::NotFound, &["no such thing"]);
}

/// An informational answer before the real one is skipped.
#[test]
fn an_informational_answer_is_skipped() {
    first_answer(|id| [headers(id, &[(":status", "103")], false), answer_ok(id)].concat())
        .expect_ok();
}

/// A head and nothing else: the deadline bounds it, and the text says what was waited for.
#[test]
fn a_head_and_nothing_else() {
    first_answer(grpc_head).expect(Code::DeadlineExceeded, &["5s", "reading the response"]);
}

/// Data that ends the stream: there is no status.
#[test]
fn no_trailers() {
    first_answer(|id| [grpc_head(id), data(id, b"hi", true)].concat()).expect(
        Code::Unknown,
        &["198.51.100.1:50051", "without a grpc-status"],
    );
}

/// Trailers without a status.
#[test]
fn trailers_without_a_status() {
    first_answer(|id| [grpc_head(id), headers(id, &[("x-trace", "7")], true)].concat()).expect(
        Code::Unknown,
        &["198.51.100.1:50051", "without a grpc-status"],
    );
}

/// A proxy that has no backend.
#[test]
fn http_503_without_a_status() {
    first_answer(|id| {
        let fields = [(":status", "503"), ("content-type", "text/html")];
        [headers(id, &fields, false), data(id, b"<html>", true)].concat()
    })
    .expect(
        Code::Unavailable,
        &["198.51.100.1:50051", "HTTP 503", "text/html"],
    );
}

/// A web server that does not know the path.
#[test]
fn http_404_without_a_status() {
    first_answer(|id| headers(id, &[(":status", "404")], true)).expect(
        Code::Unimplemented,
        &["198.51.100.1:50051", "HTTP 404", "(none)"],
    );
}

/// A web page with HTTP 200, and gRPC-Web, which is another protocol.
#[test]
fn http_200_with_another_content_type() {
    first_answer(|id| {
        headers(
            id,
            &[(":status", "200"), ("content-type", "text/html")],
            true,
        )
    })
    .expect(Code::Unknown, &["text/html", "is this a gRPC server?"]);
    first_answer(|id| {
        let fields = [
            (":status", "200"),
            ("content-type", "application/grpc-web+proto"),
        ];
        [headers(id, &fields, false), data(id, b"", true)].concat()
    })
    .expect(
        Code::Unknown,
        &["application/grpc-web+proto", "is this a gRPC server?"],
    );
}

/// The content type's parameters and case do not matter.
#[test]
fn content_types_of_grpc() {
    for content_type in [
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
        "Application/GRPC",
    ] {
        let sim = Sim::new(1);
        raw::serve(&sim, 1, move |_, event| {
            Some(match event {
                ServerEvent::Accepted => settings(),
                ServerEvent::Call(id) => {
                    let fields = [(":status", "200"), ("content-type", content_type)];
                    [headers(id, &fields, false), trailers(id, "0")].concat()
                }
            })
        });
        let channel = channel(&sim, 1);
        sim.run(unary(&channel, b"hello")).expect_ok();
    }
}

/// RST_STREAM after the head, and between data.
#[test]
fn a_reset_after_the_head() {
    first_answer(|id| [grpc_head(id), reset(id, Reason::INTERNAL_ERROR)].concat()).expect(
        Code::Internal,
        &["198.51.100.1:50051 reset the call: INTERNAL_ERROR"],
    );
    let outcome = first_answer(|id| {
        [
            grpc_head(id),
            data(id, b"half", false),
            reset(id, Reason::ENHANCE_YOUR_CALM),
        ]
        .concat()
    });
    assert_eq!(outcome.data, "half", "what came before it is not lost");
    outcome.expect(Code::ResourceExhausted, &["ENHANCE_YOUR_CALM"]);
}

/// A server that ends the call before it has read all of it says so by a reset after the trailers;
/// that is no failure.
#[test]
fn a_reset_after_the_trailers() {
    first_answer(|id| [answer_ok(id), reset(id, Reason::NO_ERROR)].concat()).expect_ok();
}

/// An answer that breaks HTTP/2 ends that call alone, and the text blames it on the answer.
#[test]
fn a_malformed_answer_ends_one_call() {
    first_answer(|id| headers(id, &[(":status", "200"), ("connection", "close")], true)).expect(
        Code::Internal,
        &["198.51.100.1:50051", "answer", "PROTOCOL_ERROR"],
    );
}

/// A server that refuses a call once is asked once more; twice is enough.
#[test]
fn a_refused_call_is_repeated_once() {
    first_answer(|id| reset(id, Reason::REFUSED_STREAM)).expect_ok();

    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(stream) => reset(stream, Reason::REFUSED_STREAM),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &["REFUSED_STREAM"]);
    assert_eq!(counts.calls(), 2);
}

/// A GOAWAY that excludes the call: no server acted on it, so that it is made again elsewhere.
#[test]
fn a_call_that_a_goaway_excludes_is_repeated() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (_, ServerEvent::Accepted) => settings(),
            (0, ServerEvent::Call(1)) => answer_ok(1),
            (0, ServerEvent::Call(_)) => go_away(1, Reason::NO_ERROR, b""),
            (_, ServerEvent::Call(stream)) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"first").await.expect_ok();
        unary(&channel, b"second").await.expect_ok();
    });
    assert_eq!((counts.accepts(), counts.calls()), (2, 3));
}

/// A GOAWAY that includes the call, and then a loss: the server may have acted, so it is not
/// repeated.
#[test]
fn a_call_that_may_have_been_processed_is_not_repeated() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| match (connection, event) {
        (_, ServerEvent::Accepted) => Some(settings()),
        (0, ServerEvent::Call(_)) => None,
        (_, ServerEvent::Call(stream)) => Some(answer_ok(stream)),
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"first")
            .await
            .expect(Code::Unavailable, &["198.51.100.1:50051"]);
        unary(&channel, b"second").await.expect_ok();
    });
    assert_eq!((counts.accepts(), counts.calls()), (2, 2));
}

/// A server that answers each call with a GOAWAY that excludes it: the call is repeated once, at
/// once, as after REFUSED_STREAM. Its error has the GOAWAY's reason and debug data once, safe to
/// print.
#[test]
fn a_server_that_only_says_goaway() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(_) => go_away(0, Reason::ENHANCE_YOUR_CALM, b"too_many\x1b[31m"),
        })
    });
    let channel = channel(&sim, 1);
    let outcome = sim.run(unary(&channel, b"hello"));
    let outcome = outcome.expect(
        Code::Unavailable,
        &["ENHANCE_YOUR_CALM", r"too_many\x1b[31m"],
    );
    let text = outcome.status.message();
    assert_eq!(text.matches("too_many").count(), 1, "{text}");
    assert_eq!(counts.calls(), 2);
    assert!(sim.elapsed() < Duration::from_millis(100));
    // The next call waits for a third connection, and its text has the reason.
    sim.run(unary_within(&channel, "100m"))
        .expect(Code::DeadlineExceeded, &["ENHANCE_YOUR_CALM", "too_many"]);
}

/// A frame that no peer may send ends the connection, and the next call has another.
#[test]
fn a_broken_protocol_ends_the_connection() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (_, ServerEvent::Accepted) => settings(),
            // DATA on stream 0.
            (0, ServerEvent::Call(_)) => frame(DATA, 0, 0, b"x"),
            (_, ServerEvent::Call(stream)) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"first").await.expect(
            Code::Unavailable,
            &["198.51.100.1:50051", "it breaks HTTP/2: PROTOCOL_ERROR"],
        );
        unary(&channel, b"second").await.expect_ok();
    });
    assert_eq!(counts.accepts(), 2);
}

/// A request that HTTP/2 cannot carry: the text blames the request, not the server.
#[test]
fn a_request_that_cannot_be_sent() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        Some(match event {
            ServerEvent::Accepted => settings(),
            ServerEvent::Call(stream) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    let mut request = crate::world::request(http_body_util::Full::new(bytes::Bytes::new()));
    let value = http::HeaderValue::from_static("keep-alive");
    request.headers_mut().insert("connection", value);
    let outcome = sim.run(crate::world::call(&channel, request));
    outcome.expect(
        Code::Internal,
        &["the request cannot be sent over HTTP/2: user error: malformed headers"],
    );
    assert_eq!((counts.accepts(), counts.calls()), (1, 0));
}

/// A GOAWAY that arrives with the first SETTINGS and excludes no call: the connection came and went,
/// and the call goes out on the next one at once.
#[test]
fn a_connection_that_comes_and_goes() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (0, ServerEvent::Accepted) => {
                [settings(), go_away(0x7fff_ffff, 0, b"max_age")].concat()
            }
            (_, ServerEvent::Accepted) => settings(),
            (_, ServerEvent::Call(stream)) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    assert!(sim.elapsed() < Duration::from_millis(100));
    assert_eq!((counts.accepts(), counts.calls()), (2, 1));
}

/// A server each of whose connections comes and goes is not dialled without end.
#[test]
fn connections_that_only_come_and_go() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        (event == ServerEvent::Accepted)
            .then(|| [settings(), go_away(0x7fff_ffff, 0, b"max_age")].concat())
    });
    let channel = channel(&sim, 1);
    sim.run(unary_within(&channel, "10S"))
        .expect(Code::DeadlineExceeded, &["NO_ERROR", "max_age"]);
    assert!(counts.accepts() <= 14, "{} connections", counts.accepts());
}
