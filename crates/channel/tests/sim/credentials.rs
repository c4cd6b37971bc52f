//! Call credentials: what they are asked for, where they are sent, and how they fail.
//!
//! Source: [gRFC A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md),
//! [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750), gRPC's C core (`call_creds_util.cc`,
//! `client_auth_filter.cc`).

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::Builder;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use trunkline_channel::{
    AttemptEnded, BearerToken, BuildErrorKind, CallCredentials, CallEnded, Channel, ChannelBuilder,
    ChannelEvent, CredentialsRequest, Observer, WithCallCredentials,
};
use trunkline_connector::{Connected, Connector, DirectConnector, SecurityLevel};
use trunkline_endpoint::Address;
use trunkline_lb::{SubchannelState, Watch};
use trunkline_runtime::{BoxFuture, Lock, Runtime};
use trunkline_sim::{Backend, CallReply, Sim};
use trunkline_status::{Code, Status};

use crate::policy::{TEST_POLICY, TestPolicyFactory, WatchLog};
use crate::world::{CallResult, address, builder, call, echo, request, serve, with_timeout};

/// A connector whose streams count as protected on this level.
#[derive(Debug)]
struct Protected(DirectConnector, SecurityLevel);

impl Connector for Protected {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        let (connecting, level) = (self.0.connect(address), self.1);
        Box::pin(async move {
            let mut connected = connecting.await?;
            connected.info = connected.info.with_security(level);
            Ok(connected)
        })
    }
}

/// Returns the builder of a channel to host 1, over connections with this protection.
fn protected(sim: &Sim, level: SecurityLevel) -> ChannelBuilder {
    let direct = DirectConnector::new(sim.runtime());
    builder(sim, format!("ipv4:{}", address(1))).connector(Protected(direct, level))
}

/// Returns the builder of a channel to host 1, over encrypted connections.
pub(crate) fn encrypted(sim: &Sim) -> ChannelBuilder {
    protected(sim, SecurityLevel::PrivacyAndIntegrity)
}

type Answer = dyn Fn(CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>> + Send + Sync;

/// Credentials that answer as a test wants, and log what they are asked for.
#[derive(Clone)]
struct Scripted {
    asked: Arc<Lock<Vec<CredentialsRequest>>>,
    answer: Arc<Answer>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl CallCredentials for Scripted {
    fn metadata(&self, request: &CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>> {
        self.asked.lock().push(request.clone());
        (self.answer)(request.clone())
    }
}

impl Scripted {
    fn new(
        answer: impl Fn(CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            asked: Arc::default(),
            answer: Arc::new(answer),
        }
    }

    /// Returns credentials that have this answer at once.
    fn ready(answer: Result<HeaderMap, Status>) -> Self {
        Self::new(move |_| Box::pin(std::future::ready(answer.clone())))
    }

    /// Returns credentials that have metadata after this time.
    fn after(delay: Duration) -> Self {
        Self::new(move |request| {
            let runtime: Arc<dyn Runtime> = Arc::clone(request.runtime());
            let sleep = runtime.sleep_until(runtime.now() + delay);
            Box::pin(async move {
                sleep.await;
                Ok(one("x-slow", "yes"))
            })
        })
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().len()
    }
}

fn one(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )])
}

fn body() -> Full<Bytes> {
    Full::new(Bytes::from_static(b"hello"))
}

/// Makes a call.
async fn unary(channel: &Channel) -> CallResult {
    call(channel, request(body())).await
}

/// Makes a call with credentials of its own.
async fn unary_with(channel: &Channel, own: impl CallCredentials + 'static) -> CallResult {
    let mut request = request(body());
    request
        .extensions_mut()
        .insert(WithCallCredentials::new(own));
    call(channel, request).await
}

/// Returns all values of a header in the last call that a backend received.
fn received(backend: &Backend, name: &str) -> Vec<String> {
    let calls = backend.received();
    let last = calls.last().expect("a call");
    let values = last.headers.get_all(name).iter();
    values
        .map(|value| value.to_str().expect("text").to_owned())
        .collect()
}

/// The credentials of the channel and of the call are both sent, after what the application sends
/// under the same name. They are asked for the authority and the method, and know the connection.
#[test]
fn all_credentials_are_sent() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel_wide = Scripted::ready(Ok(one("x-from", "channel")));
    let channel = encrypted(&sim)
        .authority("orders.test:443")
        .call_credentials(channel_wide.clone())
        .call_credentials(BearerToken::new("abc.def"))
        .build()
        .expect("a channel");
    let mut own = request(body());
    own.headers_mut()
        .insert("x-from", HeaderValue::from_static("application"));
    own.extensions_mut()
        .insert(WithCallCredentials::new(Scripted::ready(Ok(one(
            "x-from", "call",
        )))));
    sim.run(call(&channel, own)).expect_ok();
    assert_eq!(
        received(&backend, "x-from"),
        ["application", "channel", "call"]
    );
    assert_eq!(received(&backend, "authorization"), ["Bearer abc.def"]);
    let asked = channel_wide.asked.lock().clone();
    let [asked] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (asked.authority(), asked.method()),
        ("orders.test:443", "/test.Echo/Say")
    );
    assert_eq!(asked.security(), SecurityLevel::PrivacyAndIntegrity);

    sim.run(unary(&channel)).expect_ok();
    assert_eq!(received(&backend, "x-from"), ["channel"]);
}

/// Over a connection with less protection than the credentials require, nothing is sent and they are
/// not asked. A plaintext channel with such credentials is not built.
#[test]
fn credentials_need_a_protected_connection() {
    for level in [SecurityLevel::None, SecurityLevel::IntegrityOnly] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let credentials = Scripted::ready(Ok(one("x-secret", "s3cret")));
        let channel_wide = protected(&sim, level).call_credentials(credentials.clone());
        let channel_wide = channel_wide.build().expect("a channel");
        let plain = protected(&sim, level).build().expect("a channel");
        let words = ["198.51.100.1:50051", "too little protection", "use TLS"];
        sim.run(async {
            unary(&channel_wide)
                .await
                .expect(Code::Unauthenticated, &words);
            unary_with(&plain, credentials.clone())
                .await
                .expect(Code::Unauthenticated, &words);
            unary(&plain).await.expect_ok();
        });
        assert_eq!((credentials.times_asked(), backend.calls()), (0, 1));
    }
    let sim = Sim::new(1);
    let target = format!("ipv4:{}", address(1));
    let error = builder(&sim, &*target)
        .call_credentials(BearerToken::new("abc"))
        .build();
    let error = error.expect_err("plaintext");
    assert_eq!(error.kind(), BuildErrorKind::Credentials);
    assert!(error.to_string().contains("`.tls(..)`"), "{error}");
}

/// A token is sent over plaintext where that is allowed by name.
#[test]
fn plaintext_can_be_allowed() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let token = || BearerToken::new("abc").allow_plaintext();
    let target = format!("ipv4:{}", address(1));
    let channel_wide = builder(&sim, &*target)
        .call_credentials(token())
        .build()
        .expect("a channel");
    let plain = builder(&sim, &*target).build().expect("a channel");
    sim.run(async {
        unary(&channel_wide).await.expect_ok();
        assert_eq!(received(&backend, "authorization"), ["Bearer abc"]);
        unary_with(&plain, token()).await.expect_ok();
        assert_eq!(received(&backend, "authorization"), ["Bearer abc"]);
    });
}

/// Credentials end a call with their own status, but not with the codes that only a server may use.
#[test]
fn codes_of_servers_become_internal() {
    let servers_only = [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::DataLoss,
    ];
    for number in 0..=16 {
        let code = Code::from_number(number).expect("a code");
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let failing = Scripted::ready(Err(Status::new(code, "no token today")));
        let channel = encrypted(&sim)
            .call_credentials(failing)
            .build()
            .expect("a channel");
        let result = sim.run(unary(&channel));
        if servers_only.contains(&code) {
            let name = code.to_string();
            result.expect(
                Code::Internal,
                &[
                    "credentials failed with the status",
                    &name,
                    "no token today",
                ],
            );
        } else {
            assert_eq!(result.status, Status::new(code, "no token today"));
        }
        assert_eq!(backend.calls(), 0);
    }
}

/// Headers of the protocol are no metadata.
#[test]
fn headers_of_the_protocol_are_refused() {
    for name in [
        "grpc-timeout",
        "grpc-status",
        "content-type",
        "te",
        "user-agent",
        "host",
    ] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let bad = Scripted::ready(Ok(one(name, "1")));
        let channel = encrypted(&sim)
            .call_credentials(bad)
            .build()
            .expect("a channel");
        sim.run(unary(&channel))
            .expect(Code::Internal, &["call credentials", name]);
        assert_eq!(backend.calls(), 0);
    }
}

/// The deadline bounds the wait for credentials, and what is left of it is sent.
#[test]
fn the_deadline_bounds_the_wait() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let slow = Scripted::after(Duration::from_secs(2));
    let channel = encrypted(&sim)
        .call_credentials(slow.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        let late = call(&channel, with_timeout(request(body()), "1S")).await;
        late.expect(
            Code::DeadlineExceeded,
            &["deadline of 1s", "waiting for the call credentials"],
        );
        assert_eq!(backend.calls(), 0);
        call(&channel, with_timeout(request(body()), "10S"))
            .await
            .expect_ok();
    });
    let [timeout] = &received(&backend, "grpc-timeout")[..] else {
        panic!("no timeout");
    };
    let left: u64 = timeout.trim_end_matches('u').parse().expect("microseconds");
    assert!((7_900_000..=8_000_000).contains(&left), "{timeout}");
}

/// A connection that is lost while credentials are awaited fails no call: they are asked again for
/// the next connection.
#[test]
fn a_connection_may_be_lost_meanwhile() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let slow = Scripted::after(Duration::from_secs(2));
    let channel = encrypted(&sim)
        .call_credentials(slow.clone())
        .build()
        .expect("a channel");
    let killing = async {
        sim.sleep(Duration::from_secs(1)).await;
        backend.kill();
        backend.restart();
    };
    let (result, ()) = sim.run(futures_util::future::join(unary(&channel), killing));
    result.expect_ok();
    assert_eq!(received(&backend, "x-slow"), ["yes"]);
    assert!(slow.times_asked() >= 2, "{}", slow.times_asked());
}

/// Every attempt has metadata of its own: of a retry, after a failure of the credentials too, and of
/// each hedge.
#[test]
fn each_attempt_is_asked_for() {
    const RETRY: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
        "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;
    const HEDGING: &str = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3,
        "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;
    for (config, slow, expected) in [
        (RETRY, Duration::ZERO, &["2", "3"][..]),
        (HEDGING, Duration::ZERO, &["2", "3"]),
        (HEDGING, Duration::from_secs(1), &["2", "3"]),
    ] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        backend.push_reply(CallReply::Status {
            code: 14,
            message: "busy".to_owned(),
        });
        let count = Arc::new(AtomicUsize::new(0));
        let credentials = Scripted::new(move |request| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let runtime = Arc::clone(request.runtime());
            Box::pin(async move {
                runtime.sleep_until(runtime.now() + slow).await;
                if number == 1 {
                    return Err(Status::unavailable("no token yet"));
                }
                let value = HeaderValue::from(number);
                Ok(HeaderMap::from_iter([(
                    HeaderName::from_static("x-number"),
                    value,
                )]))
            })
        });
        let channel = encrypted(&sim).default_service_config(config);
        let channel = channel
            .call_credentials(credentials)
            .build()
            .expect("a channel");
        sim.run(unary(&channel)).expect_ok();
        let calls = backend.received();
        let numbers = calls
            .iter()
            .map(|call| call.headers["x-number"].to_str().expect("text"));
        assert_eq!(numbers.collect::<Vec<_>>(), expected, "{config}");
    }
}

/// Logs the ends of calls and attempts.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<Lock<Vec<String>>>);

impl Observer for Ends {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn call_ended(&self, call: &CallEnded<'_>) {
        let (code, attempts) = (call.status.code(), call.attempts);
        self.0
            .lock()
            .push(format!("call: {code}, {attempts} attempts"));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let code = attempt.outcome.status.code();
        self.0.lock().push(format!("attempt: {code}"));
    }
}

/// A call that waits for its credentials ends exactly once, whether it is dropped, its deadline
/// passes or its credentials fail; and so does its attempt, which was never sent. Hedges wait in the
/// same way.
#[test]
fn calls_end_once_while_credentials_are_awaited() {
    const HEDGING: &str = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3,
        "hedgingDelay": "0.2s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;
    for config in ["{}", HEDGING] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let ends = Ends::default();
        let built = |credentials| {
            let builder = encrypted(&sim).default_service_config(config);
            let builder = builder.observer(ends.clone());
            builder.call_credentials(credentials).build()
        };
        let hanging = Scripted::new(|_| Box::pin(std::future::pending()));
        let hanging = built(hanging).expect("a channel");
        let failing = Scripted::ready(Err(Status::new(Code::PermissionDenied, "no")));
        let failing = built(failing).expect("a channel");
        sim.run(async {
            let late = call(&hanging, with_timeout(request(body()), "1S")).await;
            late.expect(
                Code::DeadlineExceeded,
                &["waiting for the call credentials"],
            );
            let dropped = Box::pin(unary(&hanging));
            let waiting = Box::pin(sim.sleep(Duration::from_secs(1)));
            drop(futures_util::future::select(dropped, waiting).await);
            unary(&failing)
                .await
                .expect(Code::PermissionDenied, &["no"]);
        });
        let expected = [
            "attempt: DEADLINE_EXCEEDED",
            "call: DEADLINE_EXCEEDED, 0 attempts",
            "attempt: CANCELLED",
            "call: CANCELLED, 0 attempts",
            "attempt: PERMISSION_DENIED",
            "call: PERMISSION_DENIED, 0 attempts",
        ];
        assert_eq!(*ends.0.lock(), expected, "{config}");
        assert_eq!(backend.calls(), 0);
    }
}

/// The watches of a policy, such as health checks, send the credentials of the channel.
#[test]
fn watches_send_the_credentials_of_the_channel() {
    let sim = Sim::new(1);
    let seen = Arc::new(Lock::new(Vec::new()));
    let log = Arc::clone(&seen);
    serve(&sim, 1, Builder::new(), move |incoming| {
        let token = incoming.head.headers.get("authorization").cloned();
        log.lock()
            .push((incoming.head.uri.path().to_owned(), token));
        echo(incoming)
    });
    let watch = Watch::new(PathAndQuery::from_static("/health/Watch"), Bytes::new());
    let policy = TestPolicyFactory::with_watch(watch, SubchannelState::Ready, &WatchLog::default());
    let channel = encrypted(&sim)
        .policy(policy)
        .default_service_config(TEST_POLICY)
        .call_credentials(BearerToken::new("abc"))
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel).await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
    });
    let mut paths: Vec<String> = Vec::new();
    for (path, token) in seen.lock().drain(..) {
        assert_eq!(
            token,
            Some(HeaderValue::from_static("Bearer abc")),
            "{path}"
        );
        paths.push(path);
    }
    paths.sort();
    assert_eq!(paths, ["/health/Watch", "/test.Echo/Say"]);
}

/// A function makes a token for each attempt, for the audience of the call.
#[test]
fn tokens_of_a_function() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let token = BearerToken::from_fn(|request| async move {
        match request.method() {
            "/test.Echo/Say" => Ok(format!("for:{}", request.service_url())),
            _ => Err(Status::unavailable("no token")),
        }
    });
    let channel = encrypted(&sim)
        .authority("orders.test")
        .call_credentials(token);
    let channel = channel.build().expect("a channel");
    sim.run(unary(&channel)).expect_ok();
    assert_eq!(
        received(&backend, "authorization"),
        ["Bearer for:http://orders.test/test.Echo"]
    );
    let bad = BearerToken::from_fn(|_| async { Ok("two words".to_owned()) });
    let words = ["the bearer token is not valid"];
    sim.run(unary_with(&channel, bad))
        .expect(Code::Unauthenticated, &words);
}

/// A file of one test.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str) -> Self {
        let file = format!("trunkline-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(&self.0, text).expect("the folder can be written to");
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A token file is read again a second after the last time, and a file that cannot be used leaves
/// the last token in use.
#[test]
fn a_token_file_is_read_again() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let file = TestFile::new("rotating");
    file.write(" first\n");
    let token = BearerToken::from_file(&file.0);
    let channel = encrypted(&sim)
        .call_credentials(token)
        .build()
        .expect("a channel");
    let check = async |expected: &str| {
        unary(&channel).await.expect_ok();
        assert_eq!(received(&backend, "authorization"), [expected]);
    };
    sim.run(async {
        check("Bearer first").await;
        file.write("second");
        sim.sleep(Duration::from_millis(900)).await;
        check("Bearer first").await;
        sim.sleep(Duration::from_millis(200)).await;
        check("Bearer second").await;
        for bad in ["", "two words", "two\nlines"] {
            file.write(bad);
            sim.sleep(Duration::from_secs(2)).await;
            check("Bearer second").await;
        }
        fs::remove_file(&file.0).expect("the file is there");
        sim.sleep(Duration::from_secs(2)).await;
        check("Bearer second").await;
        file.write("third\r\n");
        sim.sleep(Duration::from_secs(2)).await;
        check("Bearer third").await;
    });
}

/// Without any token yet, calls fail, name the file and not what is in it, and work once it is right.
#[test]
fn a_token_file_without_a_token_fails_calls() {
    let long = "s3cret".repeat(20_000);
    for (text, code, word) in [
        (None, Code::Unavailable, "cannot be read"),
        (Some(""), Code::Unauthenticated, "it is empty"),
        (Some(" \n"), Code::Unauthenticated, "it is empty"),
        (Some("s3cret s3cret"), Code::Unauthenticated, "a space"),
        (Some("s3crét"), Code::Unauthenticated, "another character"),
        (Some(&*long), Code::Unauthenticated, "more than 65536 bytes"),
    ] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let file = TestFile::new("missing");
        if let Some(text) = text {
            file.write(text);
        }
        let token = BearerToken::from_file(&file.0);
        let channel = encrypted(&sim)
            .call_credentials(token)
            .build()
            .expect("a channel");
        let name = file.0.display().to_string();
        let result = sim.run(unary(&channel)).expect(code, &[&name, word]);
        assert!(
            !result.status.message().contains("s3c"),
            "{}",
            result.status
        );
        file.write("good");
        sim.run(async {
            sim.sleep(Duration::from_secs(1)).await;
            unary(&channel).await.expect_ok();
        });
        assert_eq!(received(&backend, "authorization"), ["Bearer good"]);
    }
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let token = BearerToken::from_file(std::env::temp_dir());
    let channel = encrypted(&sim)
        .call_credentials(token)
        .build()
        .expect("a channel");
    sim.run(unary(&channel))
        .expect(Code::Unavailable, &["not a regular file"]);
}

/// A token is in no `Debug` output, and its header is marked as sensitive: it is then in no
/// compression table ([RFC 7541 section 7.1.3](https://www.rfc-editor.org/rfc/rfc7541#section-7.1.3)).
#[test]
fn tokens_are_not_printed() {
    let sim = Sim::new(1);
    let token = || BearerToken::new("s3cret").allow_plaintext();
    let channel = encrypted(&sim).call_credentials(token());
    let texts = [
        format!("{:?}", token()),
        format!("{:?}", WithCallCredentials::new(token())),
        format!("{channel:?}"),
        format!("{:?}", channel.build().expect("a channel")),
    ];
    for text in texts {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let _backend = sim.backend(address(1));
    let checking = Scripted::new(|request| {
        let metadata = BearerToken::new("s3cret").metadata(&request);
        Box::pin(async move {
            let metadata = metadata.await?;
            assert!(metadata["authorization"].is_sensitive());
            Ok(metadata)
        })
    });
    let channel = encrypted(&sim).call_credentials(checking).build();
    sim.run(unary(&channel.expect("a channel"))).expect_ok();
}
