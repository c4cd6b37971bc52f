//! The callers.

use std::collections::VecDeque;
use std::time::Instant;

use crate::peer::{Stream, Stub, Text};
use crate::protocol::Case;

/// Makes unary calls, one after the other, and checks that each reply belongs to its call. Returns
/// the time of each call in nanoseconds, if times are measured.
pub(crate) async fn calls<S: Stub>(
    mut stub: S,
    case: Case,
    caller: usize,
    count: usize,
    is_timed: bool,
) -> Result<Vec<u64>, String> {
    let mut times = Vec::new();
    for call in 0..count {
        let name = case.text(caller, call);
        let failed = |error: String| format!("caller {caller}, call {call}: {error}");
        let start = is_timed.then(Instant::now);
        let reply = stub.greet(&name, case.timeout).await.map_err(failed)?;
        times.extend(start.map(elapsed_ns));
        compare(&reply, &name).map_err(failed)?;
    }
    Ok(times)
}

/// Makes unary calls, each on a channel that `connect` makes for it, and that is dropped after it. Returns
/// the time of each in nanoseconds, if times are measured.
pub(crate) async fn cold<S: Stub>(
    connect: impl Fn() -> Result<S, String>,
    case: Case,
    caller: usize,
    count: usize,
    is_timed: bool,
) -> Result<Vec<u64>, String> {
    let mut times = Vec::new();
    for call in 0..count {
        let name = case.text(caller, call);
        let failed = |error: String| format!("caller {caller}, call {call}: {error}");
        let start = is_timed.then(Instant::now);
        let mut stub = connect().map_err(failed)?;
        let reply = stub.greet(&name, case.timeout).await.map_err(failed)?;
        times.extend(start.map(elapsed_ns));
        compare(&reply, &name).map_err(failed)?;
    }
    Ok(times)
}

/// Makes one call that sends messages and gets each back. Returns the time of each message in
/// nanoseconds, if times are measured.
pub(crate) async fn stream<S: Stub>(
    mut stub: S,
    case: Case,
    count: usize,
    is_timed: bool,
) -> Result<Vec<u64>, String> {
    let mut times = Vec::new();
    let mut stream = stub.stream().await?;
    // What is on its way, in the order of sending.
    let mut sent = VecDeque::new();
    for number in 0..count {
        if sent.len() == case.in_flight.max(1) {
            receive(&mut stream, &mut sent, &mut times).await?;
        }
        let name = case.text(0, number);
        let start = is_timed.then(Instant::now);
        stream.send(&name).await?;
        sent.push_back((name, start));
    }
    stream.close().await?;
    while !sent.is_empty() {
        receive(&mut stream, &mut sent, &mut times).await?;
    }
    match stream.receive().await? {
        None => Ok(times),
        Some(_) => Err("more replies than messages".to_owned()),
    }
}

/// Waits for the reply to the first message that is on its way.
async fn receive<S: Stream>(
    stream: &mut S,
    sent: &mut VecDeque<(String, Option<Instant>)>,
    times: &mut Vec<u64>,
) -> Result<(), String> {
    let reply = stream.receive().await?;
    let reply = reply.ok_or("the call ended before its last reply")?;
    let (name, start) = sent.pop_front().ok_or("more replies than messages")?;
    times.extend(start.map(elapsed_ns));
    compare(&reply, &name)
}

fn compare(reply: &impl Text, name: &str) -> Result<(), String> {
    if reply.bytes() == name.as_bytes() {
        return Ok(());
    }
    Err("the reply is that of another call".to_owned())
}

/// Returns the time since `start` in nanoseconds.
fn elapsed_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
