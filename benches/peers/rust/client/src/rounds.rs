//! Rounds of calls, and what they cost.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use nix::sys::resource::Usage;

use crate::allocations::allocations_of_all_threads;
use crate::load;
use crate::peer::{Peer, Tls};
use crate::protocol::{Case, Cost, Kind, Measure, Round, Setup};
use crate::{resident, usage};

/// What one caller does.
type Caller = Pin<Box<dyn Future<Output = Result<Vec<u64>, String>> + Send>>;

/// A peer with the channels that earlier rounds have made.
pub(crate) struct Rounds<P: Peer> {
    peer: P,
    setup: Setup,
    /// By the number of backends, and whether calls go over TLS.
    stubs: HashMap<(usize, bool), P::Stub>,
}

impl<P: Peer> Rounds<P> {
    pub(crate) fn new(setup: Setup) -> Result<Self, String> {
        Ok(Self {
            peer: P::new(&setup)?,
            setup,
            stubs: HashMap::new(),
        })
    }

    /// Runs a round, and returns what it cost this process.
    pub(crate) fn measure(&mut self, round: &Round) -> Result<Cost, String> {
        if round.case.kind == Kind::Resident {
            return resident::measure(&self.peer, &self.setup, round);
        }
        let stub = self.stub(&round.case)?;
        let callers = self.callers(&stub, round)?;
        let mut outcome = Ok(Vec::new());
        let run = || outcome = self.peer.run(&stub, callers);
        let before = usage::now()?;
        let mut allocations = None;
        match round.measure {
            Measure::Allocations => allocations = Some(allocations_of_all_threads(run)),
            Measure::Cpu | Measure::Latency => run(),
        }
        let after = usage::now()?;
        let grown = |count: fn(&Usage) -> i64| usage::difference(count(&before), count(&after));
        Ok(Cost {
            cpu_ns: usage::cpu_ns(&before, &after),
            latency_ns: percentiles(outcome?.concat()),
            // Without the allocator that counts, none is counted.
            allocations: allocations.filter(|count| *count > 0),
            max_rss_bytes: usage::max_rss_bytes(),
            voluntary_switches: Some(grown(Usage::voluntary_context_switches)),
            involuntary_switches: Some(grown(Usage::involuntary_context_switches)),
            ..Cost::default()
        })
    }

    /// Returns the channel for a case. It is made when the first round needs it.
    fn stub(&mut self, case: &Case) -> Result<P::Stub, String> {
        let key = (case.backends, case.tls);
        if let Some(stub) = self.stubs.get(&key) {
            return Ok(stub.clone());
        }
        let (backends, tls) = self.backends(case)?;
        let stub = self.peer.connect(backends, tls)?;
        self.stubs.insert(key, stub.clone());
        Ok(stub)
    }

    /// Returns the backends of a case, and the security of calls to them.
    fn backends(&self, case: &Case) -> Result<(&[String], Option<Tls>), String> {
        let all = if case.tls {
            &self.setup.tls_backends
        } else {
            &self.setup.backends
        };
        let backends = all
            .get(..case.backends)
            .filter(|backends| !backends.is_empty())
            .ok_or_else(|| format!("{} backends of {}", case.backends, all.len()))?;
        let tls = case.tls.then(|| Tls {
            root_pem: self.setup.root_pem.clone(),
            server_name: self.setup.server_name.clone(),
        });
        Ok((backends, tls))
    }

    /// Returns the callers of a round, which share its calls.
    fn callers(&self, stub: &P::Stub, round: &Round) -> Result<Vec<Caller>, String> {
        let (case, is_timed) = (round.case, round.measure == Measure::Latency);
        if case.kind == Kind::Stream {
            let stream = load::stream(stub.clone(), case, round.calls, is_timed);
            return Ok(vec![Box::pin(stream)]);
        }
        let (backends, tls) = self.backends(&case)?;
        let callers = (0..case.in_flight).map(|caller| -> Caller {
            let count = share(round.calls, case.in_flight, caller);
            if case.kind != Kind::Cold {
                return Box::pin(load::calls(stub.clone(), case, caller, count, is_timed));
            }
            let (peer, backends, tls) = (self.peer.clone(), backends.to_vec(), tls.clone());
            let connect = move || peer.connect(&backends, tls.clone());
            Box::pin(load::cold(connect, case, caller, count, is_timed))
        });
        Ok(callers.collect())
    }
}

/// Returns how many of `calls` the caller with the index `at` makes.
fn share(calls: usize, callers: usize, at: usize) -> usize {
    calls / callers + usize::from(at < calls % callers)
}

/// Returns the percentiles 50, 90 and 99; `None` without times.
fn percentiles(mut times: Vec<u64>) -> Option<[u64; 3]> {
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    Some([50, 90, 99].map(|percent| times[last * percent / 100]))
}
