//! The client's side of the trial of leaks.

use std::fs;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tonic::Request;
use trunkline::{Channel, ChannelEvent, ConnectivityState, Observer, Runtime};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::contestant::Contestant;
use crate::greet::failure;
use crate::outcome::{OK, Outcome};

pub(crate) const NAME: &str = "leaks";

/// The calls that are not dropped.
pub(crate) const KEPT: &str = "calls";

/// The connections that were lost while calls were dropped.
pub(crate) const LOST: &str = "connections lost";

/// The memory that the process holds.
pub(crate) const MEMORY: &str = "KiB of memory";

/// What the process holds, in the order of [`Holdings`].
pub(crate) const HELD: [&str; 4] = ["descriptors", "threads", "tokio tasks", MEMORY];

/// The names of the moments at which the holdings are looked at.
pub(crate) const BEFORE: &str = "before";
pub(crate) const AFTER: &str = "after";

/// How many calls are in flight.
const CALLERS: usize = 200;

/// How many channels connect and disconnect side by side.
const CHANNELS: usize = 20;

/// One call in this number is dropped early.
const DROPPED: usize = 3;

/// How long the process may take to let go of what it held.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the process holds.
type Holdings = [u64; 4];

/// Counts the connections that are lost.
#[derive(Clone, Debug, Default)]
struct LostConnections(Arc<AtomicU64>);

impl Observer for LostConnections {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if matches!(event, ChannelEvent::Lost { .. }) {
            self.0.fetch_add(1, Relaxed);
        }
    }
}

/// Makes `calls` calls of which one in three is dropped early, then connects and disconnects a tenth
/// as often, and prints what is left.
pub(crate) fn run(
    contestant: Contestant,
    runtime: &Arc<dyn Runtime>,
    addresses: &str,
    calls: usize,
) {
    let channel = || builder(contestant, addresses).build().expect("a target");
    // The first round makes what is made once: threads, buffers of the allocator.
    drop_calls(runtime, &channel(), calls / 4);
    reconnect(runtime, channel, CHANNELS);
    let before = settled(&[0; 4]);

    let lost = LostConnections::default();
    let observed = builder(contestant, addresses).observer(lost.clone());
    let observed = observed.build().expect("a target");
    let mut outcome = drop_calls(runtime, &observed, calls);
    count(LOST, &[(AFTER, lost.0.load(Relaxed))]);
    let (sender, closed) = mpsc::channel();
    runtime.spawn(Box::pin(async move {
        let _ = sender.send(observed.close(PATIENCE).await);
    }));
    let closed = closed.recv().expect("the end of the channel");
    assert_eq!(closed.cancelled_calls, 0, "calls that never ended");
    outcome.merge(&reconnect(runtime, channel, calls / 10));
    let after = settled(&before);
    outcome.print(KEPT);
    for (name, (before, after)) in HELD.into_iter().zip(before.into_iter().zip(after)) {
        count(name, &[(BEFORE, before), (AFTER, after)]);
    }
}

fn builder(contestant: Contestant, addresses: &str) -> trunkline::ChannelBuilder {
    Channel::builder(format!("ipv4:{addresses}"))
        .plaintext()
        .load_balancing("round_robin")
        .runtime(contestant.runtime())
}

/// Prints numbers for the parent.
fn count(kind: &str, numbers: &[(&str, u64)]) {
    let mut outcome = Outcome::default();
    for (name, number) in numbers {
        outcome.add(name, *number);
    }
    outcome.print(kind);
}

fn request() -> Request<HelloRequest> {
    let name = "leak".to_owned();
    Request::new(HelloRequest { name })
}

/// Makes calls, of which one in three is dropped after it was polled up to three times. Returns how
/// the others ended.
fn drop_calls(runtime: &Arc<dyn Runtime>, channel: &Channel, calls: usize) -> Outcome {
    let (sender, results) = mpsc::channel();
    for caller in 0..CALLERS {
        let (mut stub, sender) = (GreeterClient::new(channel.clone()), sender.clone());
        runtime.spawn(Box::pin(async move {
            for number in (caller..calls).step_by(CALLERS) {
                let mut call = Box::pin(stub.say_hello(request()));
                let mut polls = number / DROPPED % DROPPED + 1;
                let result = poll_fn(|cx| {
                    let poll = call.as_mut().poll(cx).map(Some);
                    if number % DROPPED != 0 || poll.is_ready() {
                        return poll;
                    }
                    polls -= 1;
                    if polls == 0 {
                        return Poll::Ready(None);
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                });
                let result = match result.await {
                    None => continue,
                    Some(Ok(_)) => OK.to_owned(),
                    Some(Err(status)) => failure(&status),
                };
                let _ = sender.send(result);
            }
        }));
    }
    drop(sender);
    collect(results)
}

/// Connects and disconnects `times` times, over several channels. Returns how the calls in between
/// ended.
fn reconnect(runtime: &Arc<dyn Runtime>, channel: impl Fn() -> Channel, times: usize) -> Outcome {
    let (sender, results) = mpsc::channel();
    for number in 0..CHANNELS {
        let (channel, sender) = (channel(), sender.clone());
        runtime.spawn(Box::pin(async move {
            for _ in (number..times).step_by(CHANNELS) {
                let mut stub = GreeterClient::new(channel.clone());
                let result = match stub.say_hello(request()).await {
                    Ok(_) => OK.to_owned(),
                    Err(status) => failure(&status),
                };
                channel.enter_idle();
                // A call that comes before that is done uses the old connection.
                channel.state_changed(ConnectivityState::Ready).await;
                let _ = sender.send(result);
            }
            channel.close(PATIENCE).await;
        }));
    }
    drop(sender);
    collect(results)
}

fn collect(results: mpsc::Receiver<String>) -> Outcome {
    let mut outcome = Outcome::default();
    for result in results {
        outcome.add(&result, 1);
    }
    outcome
}

/// Returns what the process holds, once that is no more than `expected`, or after some time.
#[expect(clippy::disallowed_methods, reason = "other threads end in real time")]
fn settled(expected: &Holdings) -> Holdings {
    let until = Instant::now() + PATIENCE;
    loop {
        let held = holdings();
        let is_more = held.iter().zip(expected).any(|(own, most)| own > most);
        if !is_more || Instant::now() > until {
            return held;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn holdings() -> Holdings {
    let entries = |path| fs::read_dir(path).map_or(0, |entries| entries.count() as u64);
    let tasks = tokio::runtime::Handle::try_current();
    let tasks = tasks.map_or(0, |handle| handle.metrics().num_alive_tasks() as u64);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.split_whitespace().next()?.parse().ok());
    [
        entries("/proc/self/fd"),
        entries("/proc/self/task"),
        tasks,
        kib.unwrap_or(0),
    ]
}
