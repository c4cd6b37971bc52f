//! The client's side of the trial of deadlines.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;
use trunkline::Runtime;
use trunkline_testkit::proto::helloworld::HelloRequest;

use crate::greet::{Greet, failure};
use crate::outcome::{OK, Outcome};

pub(crate) const NAME: &str = "deadlines";

/// The time that each call has.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(20);

/// The metadata that chooses the server's answer.
pub(crate) const ANSWER: &str = "x-answer";

/// The kind of the calls to a tonic server, which cancels them itself.
pub(crate) const BY_TONIC: &str = "a tonic server";

/// How many calls of a kind are in flight.
const CALLERS: usize = 10;

/// How a server lets the deadline of a call pass.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// It does not answer.
    Never,
    /// It answers with OK once the deadline has passed.
    Late,
    /// It answers with the status CANCELLED at the deadline.
    Cancelled,
    /// It resets the stream at the deadline.
    Reset,
    /// It answers like a proxy, with HTTP 503.
    NotGrpc,
}

impl Answer {
    pub(crate) const ALL: [Self; 5] = [
        Self::Never,
        Self::Late,
        Self::Cancelled,
        Self::Reset,
        Self::NotGrpc,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Late => "late",
            Self::Cancelled => "cancelled",
            Self::Reset => "reset",
            Self::NotGrpc => "http-503",
        }
    }

    /// Returns the answer with this name, and whether the head of the response is sent at once.
    pub(crate) fn named(name: &[u8]) -> Option<(Self, bool)> {
        let (name, has_head) = match name.strip_prefix(b"head-") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        let found = Self::ALL
            .into_iter()
            .find(|answer| answer.name().as_bytes() == name)?;
        Some((found, has_head))
    }
}

/// Makes `calls` calls of each kind, and prints how they ended.
pub(crate) fn run(runtime: &Arc<dyn Runtime>, late: Greet, tonic: Greet, calls: usize) {
    let (late, tonic) = (Arc::new(late), Arc::new(tonic));
    for answer in Answer::ALL {
        let outcome = make_calls(runtime, &late, calls, answer.name());
        outcome.print(answer.name());
    }
    let outcome = make_calls(runtime, &tonic, calls, "");
    outcome.print(BY_TONIC);
}

/// Makes some calls, a few at a time.
fn make_calls(
    runtime: &Arc<dyn Runtime>,
    greet: &Arc<Greet>,
    calls: usize,
    answer: &'static str,
) -> Outcome {
    let (sender, results) = mpsc::channel();
    for caller in 0..CALLERS {
        let (greet, sender) = (Arc::clone(greet), sender.clone());
        runtime.spawn(Box::pin(async move {
            for number in (caller..calls).step_by(CALLERS) {
                let result = match greet(request(answer, number)).await {
                    Ok(_) => OK.to_owned(),
                    Err(status) => failure(&status),
                };
                let _ = sender.send(result);
            }
        }));
    }
    drop(sender);
    let mut outcome = Outcome::default();
    for result in results {
        outcome.add(&result, 1);
    }
    outcome
}

/// Returns a request; for every second one, the head of the response comes at once.
fn request(answer: &str, number: usize) -> Request<HelloRequest> {
    let name = number.to_string();
    let mut request = Request::new(HelloRequest { name });
    request.set_timeout(TIMEOUT);
    // A response that is not gRPC has but one head.
    let has_head = number % 20 < 10 && answer != Answer::NotGrpc.name();
    let prefix = if has_head { "head-" } else { "" };
    let answer = MetadataValue::try_from(format!("{prefix}{answer}"));
    let answer = answer.expect("a header value");
    request.metadata_mut().insert(ANSWER, answer);
    request
}
