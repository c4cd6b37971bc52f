//! The loop that carries out what a race wants.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_runtime::{Alarm, BoxFuture, Runtime, Stream};

use super::finish::{Begun, Contest, Finish};
use super::lookup::Answer;
use super::options::{AddressOrder, ConnectOptions};
use super::probe::SystemProbe;
use crate::{AddressQuery, AttemptId, Race, RaceEnd, RaceOutput};

/// A race, and everything that it has running. Dropping it gives all of that up.
pub(super) struct RaceDriver<'a, F: Finish> {
    runtime: &'a dyn Runtime,
    options: &'a ConnectOptions,
    finish: F,
    /// Whether the addresses are sorted here.
    sort: bool,
    race: Race,
    /// The last time that was seen; time does not go back behind it.
    now: Instant,
    answers: Vec<(AddressQuery, Answer)>,
    /// The questions that failed.
    failed: Vec<(AddressQuery, io::Error)>,
    attempts: Vec<AttemptInFlight<F::Output>>,
    alarm: Alarm,
}

/// An attempt in flight. The contest is dropped first: see [`Contest`].
struct AttemptInFlight<T> {
    id: AttemptId,
    address: SocketAddr,
    started: Instant,
    contest: Contest,
    work: AttemptWork<T>,
}

enum AttemptWork<T> {
    Connecting(BoxFuture<io::Result<Box<dyn Stream>>>),
    Finishing(BoxFuture<io::Result<T>>),
    Done(T),
}

/// What polling an attempt has shown.
enum Fate {
    Lives,
    HasFailed,
}

/// How the race went.
pub(super) struct Finished<T> {
    pub(super) winner: Option<T>,
    pub(super) race: Race,
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

    /// Adds addresses; those that could not leave from the address to bind are left out.
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

    /// Everything that is ready first, then the deadlines, then what the race wants.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RaceEnd> {
        loop {
            self.now = self.runtime.now().max(self.now);
            self.poll_answers(cx);
            let mut at = 0;
            while at < self.attempts.len() {
                match self.poll_attempt(at, cx) {
                    Fate::Lives => at += 1,
                    Fate::HasFailed => drop(self.attempts.remove(at)),
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
            contest: Contest::default(),
            work: AttemptWork::Connecting(connecting),
        });
        // At once: what fails now has sent nothing, and the timer is for what is left.
        if let Fate::HasFailed = self.poll_attempt(self.attempts.len() - 1, cx) {
            self.attempts.pop();
        }
    }

    fn poll_attempt(&mut self, at: usize, cx: &mut Context<'_>) -> Fate {
        match self.advance(at, cx) {
            Poll::Pending => {}
            Poll::Ready((id, Ok(()))) => self.race.handle_connected(id, self.now),
            Poll::Ready((id, Err(error))) => {
                self.race.handle_failure(id, error, self.now);
                return Fate::HasFailed;
            }
        }
        Fate::Lives
    }

    /// Ready when the attempt comes to its end.
    fn advance(&mut self, at: usize, cx: &mut Context<'_>) -> Poll<(AttemptId, io::Result<()>)> {
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
                    self.options.learn(attempt.address, rtt, self.now);
                    match self.finish.begin(stream) {
                        Begun::Done(output) => Ok(output),
                        Begun::Running(finishing, contest) => {
                            attempt.contest = contest;
                            attempt.work = AttemptWork::Finishing(finishing);
                            self.race.handle_progress(id, self.now);
                            return self.advance(at, cx);
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
            drop(loser.contest);
            F::discard(output);
        }
    }

    fn take(&mut self, id: AttemptId) -> Option<AttemptInFlight<F::Output>> {
        let at = self.attempts.iter().position(|one| one.id == id)?;
        Some(self.attempts.swap_remove(at))
    }

    fn take_winner(&mut self, id: AttemptId) -> Option<F::Output> {
        let winner = self.take(id)?;
        winner.contest.won();
        match winner.work {
            AttemptWork::Done(output) => Some(output),
            _ => None,
        }
    }
}
