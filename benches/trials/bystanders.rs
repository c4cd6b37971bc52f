//! The client's side of the trial of bystanders.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataValue;
use trunkline::Runtime;
use trunkline_testkit::load::{Call, Load};
use trunkline_testkit::proto::helloworld::HelloRequest;

use crate::greet::{Greet, failure};
use crate::outcome::Outcome;

pub(crate) const NAME: &str = "bystanders";

/// The kinds of calls in the results.
pub(crate) const GOOD: &str = "good";
pub(crate) const BAD: &str = "bad";

/// Calls a second.
const GOOD_RATE: u32 = 200;
const BAD_RATE: u32 = 1;

/// The length of a bad call's metadata, in bytes.
const BAD_METADATA: usize = 100 * 1024;

/// The time after which the servers have closed all connections that were lost.
const CLOSING_TIME: Duration = Duration::from_millis(200);

/// Far longer than a call takes, on a busy machine too.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Makes good and bad calls for some seconds, at a steady rate, and prints how they ended.
pub(crate) fn run(runtime: &Arc<dyn Runtime>, greet: &Arc<Greet>, seconds: u64) {
    let good = Load::start(runtime, GOOD_RATE, call(greet, false));
    let bad = Load::start(runtime, BAD_RATE, call(greet, true));
    wait(runtime, Duration::from_secs(seconds));
    bad.pause();
    for (kind, load) in [(GOOD, good), (BAD, bad)] {
        // Calls that have not ended then are in the results.
        let _ = load.settle(TIMEOUT);
        Outcome::from(load.outcome()).print(kind);
    }
    wait(runtime, CLOSING_TIME);
}

fn wait(runtime: &Arc<dyn Runtime>, time: Duration) {
    let (sender, end) = mpsc::channel::<()>();
    let clock = Arc::clone(runtime);
    runtime.spawn(Box::pin(async move {
        clock.sleep_until(clock.now() + time).await;
        drop(sender);
    }));
    // An error: the sender was dropped.
    let _ = end.recv();
}

fn call(greet: &Arc<Greet>, is_bad: bool) -> Call {
    let greet = Arc::clone(greet);
    Box::new(move |number| {
        let name = number.to_string();
        let mut request = Request::new(HelloRequest { name });
        request.set_timeout(TIMEOUT);
        if is_bad {
            let value = MetadataValue::try_from("x".repeat(BAD_METADATA));
            let value = value.expect("a header value");
            request.metadata_mut().insert("x-large", value);
        }
        let answer = greet(request);
        Box::pin(async move {
            let reply = answer.await.map_err(|status| failure(&status))?;
            let message = reply.into_inner().message;
            message
                .parse()
                .map_err(|error| format!("no address: {error}"))
        })
    })
}
