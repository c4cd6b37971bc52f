//! Calls at a steady rate, and those of them that failed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use trunkline::Runtime;
use trunkline_testkit::load::{Call, Load, LoadOutcome};

use crate::clients::Client;
use crate::clock::{now, until};
use crate::wrong::Wrong;

/// The calls of one client in the background.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) client: Client,
    load: Load,
    lost: Arc<Mutex<Vec<LostCall>>>,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostCall {
    pub(crate) began: Instant,
    /// When its failure was seen.
    pub(crate) ended: Instant,
    /// The code and message of its status.
    pub(crate) why: String,
}

impl Traffic {
    /// Starts `rate` calls a second, of which some 100 are in flight at most.
    pub(crate) fn start(client: Client, rate: u32) -> Self {
        Self::start_by(client, |runtime, call| Load::start(runtime, rate, call))
    }

    /// Starts `rate` calls a second, also when none of them ends within its deadline.
    pub(crate) fn start_open(client: Client, rate: u32) -> Self {
        let in_flight = u64::from(rate) * client.deadline.as_secs();
        Self::start_by(client, |runtime, call| {
            Load::start_with(runtime, rate, in_flight, call)
        })
    }

    fn start_by(client: Client, start: impl FnOnce(&Arc<dyn Runtime>, Call) -> Load) -> Self {
        let lost = Arc::<Mutex<Vec<LostCall>>>::default();
        let (seen, caller) = (Arc::clone(&lost), client.clone());
        let call = move |number| {
            let (lost, began) = (Arc::clone(&seen), now());
            let call = caller.clone().greet(number);
            Box::pin(async move {
                let answer = call.await;
                if let Err(why) = &answer {
                    let (ended, why) = (now(), why.clone());
                    lock(&lost).push(LostCall { began, ended, why });
                }
                answer
            }) as trunkline::BoxFuture<_>
        };
        Self {
            load: start(&client.on.runtime, Box::new(call)),
            client,
            lost,
        }
    }

    /// Returns the results of the calls so far.
    pub(crate) fn outcome(&self) -> LoadOutcome {
        self.load.outcome()
    }

    /// Returns the number of calls started so far.
    pub(crate) fn made(&self) -> u64 {
        self.outcome().made
    }

    /// Returns the calls that failed since the last call of this method.
    pub(crate) fn lost(&self) -> Vec<LostCall> {
        std::mem::take(&mut lock(&self.lost))
    }

    /// Returns an error if a call failed since the last call of [`lost`](Self::lost).
    pub(crate) fn none_lost(&self, when: &str) -> Result<(), Wrong> {
        match self.lost().as_slice() {
            [] => Ok(()),
            [first, ..] => {
                let (count, name) = (self.outcome().failed(), self.client.on.name);
                Err(format!("{when}: {count} calls failed on {name}: {}", first.why).into())
            }
        }
    }

    /// Stops making calls, and waits for the end of those in flight.
    pub(crate) fn settle(&self) -> Result<(), Wrong> {
        if self.load.settle(2 * self.client.deadline) {
            Ok(())
        } else {
            Err(format!("calls without an end: {:?}", self.outcome()).into())
        }
    }

    /// Makes calls again after [`settle`](Self::settle).
    pub(crate) fn go_on(&self) {
        self.load.go_on();
    }
}

/// Waits until each client has started this many further calls.
pub(crate) fn more(traffic: &[Traffic], calls: u64) -> Result<(), Wrong> {
    let enough: Vec<u64> = traffic.iter().map(|one| one.made() + calls).collect();
    until("more calls", || {
        Ok(traffic
            .iter()
            .zip(&enough)
            .all(|(one, enough)| one.made() >= *enough))
    })
    .map(|_| ())
}

fn lock(lost: &Mutex<Vec<LostCall>>) -> MutexGuard<'_, Vec<LostCall>> {
    lost.lock().unwrap_or_else(PoisonError::into_inner)
}
