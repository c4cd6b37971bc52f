//! The loop that carries out the outputs of a race.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_runtime::{Alarm, BoxFuture, Runtime, Stream};

use super::finish::{AbortOnLoss, Completion, Finish};
use super::lookup::Answer;
use super::options::{AddressOrder, ConnectOptions};
use super::probe::SystemProbe;
use crate::{AddressQuery, AttemptId, Race, RaceEnd, RaceOutput};

/// A race, with its lookups, attempts and timer. Dropping it gives all of them up.
pub(super) struct RaceDriver<'a, F: Finish> {
    runtime: &'a dyn Runtime,
    options: &'a ConnectOptions,
    finish: F,
    /// True when the addresses must be sorted.
    sort: bool,
    race: Race,
    /// The time of the last poll. It never goes backwards.
    now: Instant,
    /// The queries without an answer yet.
    answers: Vec<(AddressQuery, Answer)>,
    /// The queries that failed.
    failed: Vec<(AddressQuery, io::Error)>,
    attempts: Vec<AttemptInFlight<F::Output>>,
    alarm: Alarm,
}

/// An attempt that the race has not cancelled. Its `abort_on_loss` is declared before its `work`,
/// so that it is dropped first: the stream must know that it has lost when it is dropped itself.
struct AttemptInFlight<T> {
    id: AttemptId,
    address: SocketAddr,
    started: Instant,
    abort_on_loss: AbortOnLoss,
    work: AttemptWork<T>,
}

/// What an attempt does.
enum AttemptWork<T> {
    /// It connects.
    Connecting(BoxFuture<io::Result<Box<dyn Stream>>>),
    /// Its handshake runs.
    Finishing(BoxFuture<io::Result<T>>),
    /// Nothing: it has succeeded, and waits for the race to end.
    Done(T),
}

/// The result of a race.
pub(super) struct Finished<T> {
    /// The output of the attempt that won, if one did.
    pub(super) winner: Option<T>,
    pub(super) race: Race,
    /// The queries that failed.
    pub(super) failed: Vec<(AddressQuery, io::Error)>,
    pub(super) end: RaceEnd,
}

impl<'a, F: Finish> RaceDriver<'a, F> {
    pub(super) fn new(
        runtime: &'a dyn Runtime,
        options: &'a ConnectOptions,
        answers: Vec<(AddressQuery, Answer)>,
        sorted: bool,
        finish: F,
    ) -> Self {
        let now = runtime.now();
        let mut queries = [AddressQuery::All; 3];
        let asked = answers.len().min(queries.len());
        for (query, (asked, _)) in queries.iter_mut().zip(&answers) {
            *query = *asked;
        }
        Self {
            runtime,
            options,
            finish,
            sort: match options.order {
                AddressOrder::Auto => !sorted,
                AddressOrder::AsGiven => false,
                AddressOrder::Rfc6724 => true,
            },
            race: Race::awaiting(&queries[..asked], options.race.clone(), now),
            now,
            answers,
            failed: Vec::new(),
            attempts: Vec::new(),
            alarm: Alarm::new(),
        }
    }

    /// Adds addresses. Where only one of `bind_ipv4` and `bind_ipv6` is set, addresses of the other
    /// family are left out.
    pub(super) fn add(
        &mut self,
        query: AddressQuery,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        let tcp = &self.options.tcp;
        let (v4, v6) = (tcp.bind_ipv4.is_some(), tcp.bind_ipv6.is_some());
        let usable = addresses.into_iter().filter(|address| match address {
            _ if v4 == v6 => true,
            SocketAddr::V4(_) => v4,
            SocketAddr::V6(address) => v4 == address.ip().to_ipv4_mapped().is_some(),
        });
        let probe = SystemProbe {
            runtime: self.runtime,
            options: self.options,
            sort: self.sort,
            now: self.now,
        };
        self.race.handle_addresses(query, usable, &probe, self.now);
    }

    /// Runs the race to its end.
    pub(super) async fn run(mut self) -> Finished<F::Output> {
        let end = std::future::poll_fn(|cx| self.poll(cx)).await;
        let winner = match end {
            RaceEnd::Won(id) => self.take_winner(id),
            _ => None,
        };
        Finished {
            winner,
            race: self.race,
            failed: self.failed,
            end,
        }
    }

    /// Handles all events that are ready, then the outputs of the race, then its timeout.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RaceEnd> {
        loop {
            self.now = self.runtime.now().max(self.now);
            self.poll_answers(cx);
            let mut at = 0;
            while at < self.attempts.len() {
                if self.drive_attempt(at, cx) {
                    drop(self.attempts.remove(at));
                } else {
                    at += 1;
                }
            }
            while let Some(output) = self.race.poll_output(self.now) {
                match output {
                    RaceOutput::Start { id, address } => self.start(id, address, cx),
                    RaceOutput::Cancel { id } => self.cancel(id),
                    RaceOutput::Ended(end) => return Poll::Ready(end),
                }
            }
            let deadline = self.race.poll_timeout();
            match self.alarm.poll(cx, deadline, self.runtime) {
                Poll::Ready(now) => self.now = now.max(self.now),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while let Some((query, answer)) = self.answers.get_mut(at) {
            let query = *query;
            match answer.as_mut().poll(cx) {
                Poll::Pending => {
                    at += 1;
                    continue;
                }
                Poll::Ready(Ok(addresses)) => self.add(query, addresses),
                Poll::Ready(Err(error)) => {
                    self.failed.push((query, error));
                    self.race.handle_no_addresses(query, self.now);
                }
            }
            drop(self.answers.swap_remove(at));
        }
    }

    fn start(&mut self, id: AttemptId, address: SocketAddr, cx: &mut Context<'_>) {
        let connecting = self.runtime.connect_tcp(address, &self.options.tcp);
        self.attempts.push(AttemptInFlight {
            id,
            address,
            started: self.now,
            abort_on_loss: AbortOnLoss::default(),
            work: AttemptWork::Connecting(connecting),
        });
        // Polled at once: an attempt that fails now has sent nothing, and the race starts the next
        // address without a delay.
        if self.drive_attempt(self.attempts.len() - 1, cx) {
            self.attempts.pop();
        }
    }

    /// Polls an attempt and passes its result to the race. Returns true when it has failed, and
    /// must be removed.
    fn drive_attempt(&mut self, at: usize, cx: &mut Context<'_>) -> bool {
        match self.poll_attempt(at, cx) {
            Poll::Pending => false,
            Poll::Ready((id, Ok(()))) => {
                self.race.handle_connected(id, self.now);
                false
            }
            Poll::Ready((id, Err(error))) => {
                self.race.handle_failure(id, error, self.now);
                true
            }
        }
    }

    /// Polls an attempt; ready when it has failed, or is connected and through its handshake.
    fn poll_attempt(
        &mut self,
        at: usize,
        cx: &mut Context<'_>,
    ) -> Poll<(AttemptId, io::Result<()>)> {
        let attempt = &mut self.attempts[at];
        let id = attempt.id;
        let finished = match &mut attempt.work {
            AttemptWork::Done(_) => return Poll::Pending,
            AttemptWork::Finishing(finishing) => ready!(finishing.as_mut().poll(cx)),
            AttemptWork::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                Err(error) => Err(error),
                Ok(stream) => {
                    let rtt = self
                        .runtime
                        .now()
                        .saturating_duration_since(attempt.started);
                    self.options.record_rtt(attempt.address, rtt, self.now);
                    match self.finish.begin(stream) {
                        Completion::Done(output) => Ok(output),
                        Completion::Running(finishing, abort_on_loss) => {
                            attempt.abort_on_loss = abort_on_loss;
                            attempt.work = AttemptWork::Finishing(finishing);
                            self.race.handle_progress(id, self.now);
                            return self.poll_attempt(at, cx);
                        }
                    }
                }
            },
        };
        let result = finished.map(|output| attempt.work = AttemptWork::Done(output));
        Poll::Ready((id, result))
    }

    fn cancel(&mut self, id: AttemptId) {
        if let Some(loser) = self.take(id)
            && let AttemptWork::Done(output) = loser.work
        {
            drop(loser.abort_on_loss);
            F::discard(output);
        }
    }

    /// Removes an attempt.
    fn take(&mut self, id: AttemptId) -> Option<AttemptInFlight<F::Output>> {
        let at = self.attempts.iter().position(|one| one.id == id)?;
        Some(self.attempts.swap_remove(at))
    }

    /// Removes the winner, and returns its output.
    fn take_winner(&mut self, id: AttemptId) -> Option<F::Output> {
        let winner = self.take(id)?;
        winner.abort_on_loss.won();
        match winner.work {
            AttemptWork::Done(output) => Some(output),
            _ => None,
        }
    }
}
