//! The calls of one client at a steady rate.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;
use trunkline::BoxFuture;
use trunkline_testkit::load::Load;

use super::backend::CLIENT;
use super::clients::{Called, Client, answer, called};
use super::process::Process;
use crate::clients::DEADLINE;
use crate::clock::until;
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The calls that are made until [`stop`](Self::stop).
#[derive(Debug)]
pub(super) struct Traffic {
    /// The name of the client, which its calls have as a header.
    pub(super) name: &'static str,
    by: By,
}

#[derive(Debug)]
enum By {
    Foreign(Process),
    Own { stub: Box<Stub>, load: Load },
}

impl Traffic {
    /// Starts `rate` calls a second, also when none of them ends within its deadline.
    pub(super) fn start(name: &'static str, client: Client, rate: u32) -> Result<Self, Wrong> {
        let by = match client {
            Client::Foreign(mut process) => {
                let command = json!({
                    "command": "start",
                    "method": "/grpc.testing.TestService/EmptyCall",
                    "headers": {CLIENT: name},
                    "rate": rate,
                    "timeout": DEADLINE.as_secs_f64(),
                });
                process.ask(&command, "done")?;
                By::Foreign(process)
            }
            Client::Own { stub, runtime } => {
                let caller = stub.clone();
                let call = move |_| {
                    Box::pin(answer(Stub::clone(&caller), Some((CLIENT, name)))) as BoxFuture<_>
                };
                let in_flight = u64::from(rate) * DEADLINE.as_secs();
                let load = Load::start_with(&runtime.runtime, rate, in_flight, Box::new(call));
                By::Own { stub, load }
            }
        };
        Ok(Self { name, by })
    }

    /// Returns whether the client is one of ours.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.by, By::Own { .. })
    }

    /// Returns the channel of a client of ours.
    pub(super) fn stub(&self) -> Option<&Stub> {
        match &self.by {
            By::Foreign(_) => None,
            By::Own { stub, .. } => Some(stub),
        }
    }

    /// Returns how the calls ended that have ended.
    pub(super) fn outcome(&mut self) -> Result<Called, Wrong> {
        self.ask("outcome")
    }

    /// Starts no more calls, waits for those in flight, and returns how all of them ended.
    pub(super) fn stop(&mut self) -> Result<Called, Wrong> {
        if let By::Own { load, .. } = &self.by
            && !load.settle(2 * DEADLINE)
        {
            return Err(format!("{}: calls without an end", self.name).into());
        }
        self.ask("stop")
    }

    fn ask(&mut self, command: &str) -> Result<Called, Wrong> {
        match &mut self.by {
            By::Foreign(process) => called(&process.ask(&json!({"command": command}), "called")?),
            By::Own { load, .. } => {
                let outcome = load.outcome();
                let mut called = Called::default();
                let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
                for (peer, calls) in outcome.peers {
                    called.backends.insert(peer, count(calls));
                }
                called
                    .codes
                    .insert("OK".to_owned(), count(outcome.answered));
                for (why, calls) in outcome.failures {
                    let code = why.split(':').next().unwrap_or_default().to_uppercase();
                    *called.codes.entry(code.clone()).or_default() += count(calls);
                    called.texts.insert(code, why);
                }
                Ok(called)
            }
        }
    }

    /// Returns an error if a call has failed, and how many were answered otherwise.
    pub(super) fn none_failed(&self, called: &Called) -> Result<usize, Wrong> {
        let failed = called.failed();
        if failed > 0 {
            let (name, texts) = (self.name, &called.texts);
            return Err(format!("{name}: {failed} calls failed: {texts:?}").into());
        }
        Ok(called.backends.values().sum())
    }
}

/// Waits until each client has an answer of this backend.
pub(super) fn answered(traffic: &mut [Traffic], backend: SocketAddr) -> Result<(), Wrong> {
    let answered = until("each client is answered", || {
        let mut all = true;
        for one in &mut *traffic {
            all &= one.outcome()?.backends.contains_key(&backend);
        }
        Ok(all)
    });
    answered.map(drop)
}

/// Waits until each client has had this many further answers, and returns which backends gave them.
pub(super) fn more(
    traffic: &mut [Traffic],
    answers: usize,
) -> Result<Vec<BTreeMap<SocketAddr, usize>>, Wrong> {
    let mut all = Vec::new();
    for one in &mut *traffic {
        all.push((one.outcome()?.backends, BTreeMap::new()));
    }
    until("more answers", || {
        let mut enough = true;
        for (one, (before, since)) in traffic.iter_mut().zip(&mut all) {
            if since.values().sum::<usize>() >= answers {
                continue;
            }
            *since = one.outcome()?.backends;
            for (backend, calls) in &*before {
                let known = since.entry(*backend).or_default();
                *known = known.saturating_sub(*calls);
            }
            since.retain(|_, calls| *calls > 0);
            enough &= since.values().sum::<usize>() >= answers;
        }
        Ok(enough)
    })?;
    Ok(all.into_iter().map(|(_, since)| since).collect())
}
