//! How the responses of servers, proxies and web servers become the status of a call.
//!
//! Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md),
//! [HTTP to gRPC status](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::HeaderValue;
use http_body_util::Full;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::raw::{
    self, DATA, MAX_HEADER_LIST_SIZE, ServerEvent, answer_ok, data, frame, go_away, grpc_head,
    headers, one_setting, reset, settings, trailers,
};
use crate::world::{CallResult, call, channel, request, unary, unary_within};

/// Makes a call at a server that answers its first call with the bytes of `answer`, and every other
/// call with OK. Checks that the connection serves a second call.
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

/// A response of head, messages and trailers ends the call with the status in the trailers.
#[test]
fn a_whole_answer() {
    let outcome =
        first_answer(|id| [grpc_head(id), data(id, b"hi", false), trailers(id, "0")].concat());
    assert_eq!(outcome.expect_ok().data, "hi");
}

/// In a trailers-only response, the head is the trailers: the call ends with its status.
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

/// An informational response (1xx) before the final one is skipped.
#[test]
fn an_informational_response_is_skipped() {
    first_answer(|id| [headers(id, &[(":status", "103")], false), answer_ok(id)].concat())
        .expect_ok();
}

/// When nothing follows the head, the deadline ends the call, and the message names what the call
/// waited for.
#[test]
fn the_deadline_ends_a_response_that_stops_after_its_head() {
    first_answer(grpc_head).expect(Code::DeadlineExceeded, &["5s", "reading the response"]);
}

/// A stream that ends with data has no status, so the call ends with UNKNOWN.
#[test]
fn a_response_without_trailers_is_unknown() {
    first_answer(|id| [grpc_head(id), data(id, b"hi", true)].concat()).expect(
        Code::Unknown,
        &["198.51.100.1:50051", "without a grpc-status"],
    );
}

/// Trailers without `grpc-status` end the call with UNKNOWN.
#[test]
fn trailers_without_a_status_are_unknown() {
    first_answer(|id| [grpc_head(id), headers(id, &[("x-trace", "7")], true)].concat()).expect(
        Code::Unknown,
        &["198.51.100.1:50051", "without a grpc-status"],
    );
}

/// HTTP 503, as a proxy without a backend sends it, ends the call with UNAVAILABLE.
#[test]
fn http_503_without_a_status_is_unavailable() {
    first_answer(|id| {
        let fields = [(":status", "503"), ("content-type", "text/html")];
        [headers(id, &fields, false), data(id, b"<html>", true)].concat()
    })
    .expect(
        Code::Unavailable,
        &["198.51.100.1:50051", "HTTP 503", "text/html"],
    );
}

/// HTTP 404, as a web server without this path sends it, ends the call with UNIMPLEMENTED.
#[test]
fn http_404_without_a_status_is_unimplemented() {
    first_answer(|id| headers(id, &[(":status", "404")], true)).expect(
        Code::Unimplemented,
        &["198.51.100.1:50051", "HTTP 404", "(none)"],
    );
}

/// HTTP 200 with the content type of a web page, or of gRPC-Web, which is another protocol, ends
/// the call with UNKNOWN.
#[test]
fn http_200_with_another_content_type_is_unknown() {
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

/// A content type of gRPC may have a suffix, parameters and any case.
#[test]
fn content_types_of_grpc_are_accepted() {
    for content_type in [
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
        "Application/GRPC",
    ] {
        let sim = Sim::new(1);
        raw::serve_calls(&sim, 1, move |id| {
            let fields = [(":status", "200"), ("content-type", content_type)];
            [headers(id, &fields, false), trailers(id, "0")].concat()
        });
        let channel = channel(&sim, 1);
        sim.run(unary(&channel, b"hello")).expect_ok();
    }
}

/// An HTTP/2 error code without a name is printed as a number, in RST_STREAM and in GOAWAY.
#[test]
fn unknown_error_codes_print_as_numbers() {
    first_answer(|id| reset(id, Reason::from(99)))
        .expect(Code::Internal, &["reset the call: error code 99 (0x63)"]);
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, |_| go_away(0, Reason::from(99), b"why"));
    let result = sim.run(unary(&channel(&sim, 1), b"hello"));
    result.expect(
        Code::Unavailable,
        &["GOAWAY (error code 99 (0x63), \"why\")"],
    );
}

/// RST_STREAM after the head, or between data, ends the call with the status of its error code.
#[test]
fn a_reset_after_the_head_ends_the_call() {
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
    assert_eq!(outcome.data, "half", "data before the reset is kept");
    outcome.expect(Code::ResourceExhausted, &["ENHANCE_YOUR_CALM"]);
}

/// A reset after the trailers is no failure: a server sends it when it ends the call before it has
/// read the whole request.
#[test]
fn a_reset_after_the_trailers_is_no_failure() {
    first_answer(|id| [answer_ok(id), reset(id, Reason::NO_ERROR)].concat()).expect_ok();
}

/// A malformed response ends that call alone, and the message blames the response.
#[test]
fn a_malformed_response_ends_one_call() {
    first_answer(|id| headers(id, &[(":status", "200"), ("connection", "close")], true)).expect(
        Code::Internal,
        &["198.51.100.1:50051", "answer", "PROTOCOL_ERROR"],
    );
}

/// A call that the server refuses with REFUSED_STREAM is sent again once, and no more.
#[test]
fn a_refused_call_is_repeated_once() {
    first_answer(|id| reset(id, Reason::REFUSED_STREAM)).expect_ok();

    let sim = Sim::new(1);
    let counts = raw::serve_calls(&sim, 1, |stream| reset(stream, Reason::REFUSED_STREAM));
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &["REFUSED_STREAM"]);
    assert_eq!(counts.calls(), 2);
}

/// A call that a GOAWAY excludes is sent again on another connection: no server acted on it.
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

/// A call that was sent when the connection is lost is not sent again: the server may have acted on
/// it.
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

/// A call that a GOAWAY excludes is sent again at once, and only once, as after REFUSED_STREAM. Its
/// error has the reason of the last GOAWAY and, once, its debug data, escaped.
#[test]
fn a_call_that_goaways_exclude_is_repeated_once() {
    let sim = Sim::new(1);
    let counts = raw::serve_calls(&sim, 1, |_| {
        go_away(0, Reason::ENHANCE_YOUR_CALM, b"too_many\x1b[31m")
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
    // The next call waits for a third connection, and its message has the reason for that.
    sim.run(unary_within(&channel, "100m"))
        .expect(Code::DeadlineExceeded, &["ENHANCE_YOUR_CALM", "too_many"]);
}

/// A call with much metadata whose server ends the connection by ENHANCE_YOUR_CALM is probably the
/// reason. It is not repeated: that would cost other calls a second connection.
#[test]
fn a_call_that_is_probably_to_blame_is_not_repeated() {
    for (bytes, attempts) in [(4 * 1024, 2), (9 * 1024, 1)] {
        let sim = Sim::new(1);
        let counts = raw::serve_calls(&sim, 1, |_| go_away(0, Reason::ENHANCE_YOUR_CALM, b""));
        let channel = channel(&sim, 1);
        let mut request = request(Full::new(Bytes::from_static(b"hello")));
        let value = "v".repeat(bytes).parse().expect("a header value");
        request.headers_mut().insert("x-large", value);
        let result = sim.run(call(&channel, request));
        if attempts == 1 {
            let words = ["ENHANCE_YOUR_CALM", "not sent again", "bytes"];
            result.expect(Code::ResourceExhausted, &words);
        } else {
            result.expect(Code::Unavailable, &["ENHANCE_YOUR_CALM"]);
        }
        assert_eq!(counts.calls(), attempts, "with {bytes} bytes of metadata");
    }
}

/// A frame that HTTP/2 forbids ends the connection, and the next call uses another one.
#[test]
fn a_forbidden_frame_ends_the_connection() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (_, ServerEvent::Accepted) => settings(),
            // DATA on stream 0 is forbidden.
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

/// A request that HTTP/2 cannot carry ends with INTERNAL, and the message blames the request, not
/// the server.
#[test]
fn a_request_that_cannot_be_sent_is_internal() {
    let sim = Sim::new(1);
    let counts = raw::serve_calls(&sim, 1, answer_ok);
    let channel = channel(&sim, 1);
    let mut request = request(Full::new(Bytes::new()));
    let value = HeaderValue::from_static("keep-alive");
    request.headers_mut().insert("connection", value);
    let outcome = sim.run(call(&channel, request));
    outcome.expect(
        Code::Internal,
        &["the request cannot be sent over HTTP/2: user error: malformed headers"],
    );
    assert_eq!((counts.accepts(), counts.calls()), (1, 0));
}

/// After a connection whose first SETTINGS come with a GOAWAY that excludes no call, the call is
/// sent on the next connection at once.
#[test]
fn a_goaway_with_the_first_settings_delays_no_call() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match (connection, event) {
            (0, ServerEvent::Accepted) => [
                settings(),
                go_away(0x7fff_ffff, Reason::NO_ERROR, b"max_age"),
            ]
            .concat(),
            (_, ServerEvent::Accepted) => settings(),
            (_, ServerEvent::Call(stream)) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    assert!(sim.elapsed() < Duration::from_millis(100));
    assert_eq!((counts.accepts(), counts.calls()), (2, 1));
}

/// A server that ends every connection with such a GOAWAY is dialed with back-off.
#[test]
fn a_goaway_with_all_settings_is_dialed_with_back_off() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        (event == ServerEvent::Accepted).then(|| {
            [
                settings(),
                go_away(0x7fff_ffff, Reason::NO_ERROR, b"max_age"),
            ]
            .concat()
        })
    });
    let channel = channel(&sim, 1);
    sim.run(unary_within(&channel, "10S"))
        .expect(Code::DeadlineExceeded, &["NO_ERROR", "max_age"]);
    assert!(counts.accepts() <= 14, "{} connections", counts.accepts());
}

/// A request whose headers are larger than the server's SETTINGS_MAX_HEADER_LIST_SIZE is not sent:
/// some servers would close the connection, and so end all other calls. The message has both sizes.
#[test]
fn a_request_over_the_servers_header_limit_is_not_sent() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| {
        Some(match event {
            ServerEvent::Accepted => one_setting(MAX_HEADER_LIST_SIZE, 16_384),
            ServerEvent::Call(stream) => answer_ok(stream),
        })
    });
    let channel = channel(&sim, 1);
    let body = || Full::new(Bytes::new());
    // The other fields take less than 500 of the 16,384 bytes.
    for (length, code) in [
        (15_800, Code::Ok),
        (16_300, Code::ResourceExhausted),
        (100_000, Code::ResourceExhausted),
    ] {
        let mut request = request(body());
        let value = HeaderValue::try_from("x".repeat(length)).expect("a value");
        request.headers_mut().insert("x-large", value);
        let result = sim.run(call(&channel, request));
        assert_eq!(result.status.code(), code, "{}", result.status);
        if code != Code::Ok {
            let words = ["bytes with all metadata, and 198.51.100.1:50051 takes at most 16384"];
            result.expect(code, &words);
        }
    }
    assert_eq!((counts.accepts(), counts.calls()), (1, 1));
}
