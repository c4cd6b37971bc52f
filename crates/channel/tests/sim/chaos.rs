//! Random faults in random order, and what holds in every run.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select};
use h2::Reason;
use http_body_util::Full;
use trunkline_backoff::Rng;
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution, ResolveError, ResolveErrorKind};
use trunkline_sim::{Backend, CallReply, ConnectFate, Opening, Sim};
use trunkline_status::Code;

use crate::bodies::messages;
use crate::world::{ROUND_ROBIN, address, builder, call, request, unary_within, with_timeout};

const HOSTS: [u8; 3] = [1, 2, 3];

/// The deadline of each call.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A channel to three backends, and the faults of one run.
struct Chaos {
    sim: Sim,
    rng: Rng,
    backends: [Backend; 3],
    names: ManualResolver,
    channel: Channel,
}

/// Returns true for the seeds whose channel uses round_robin; the others use pick_first.
fn is_round_robin(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

fn endpoints(hosts: &[u8]) -> Resolution {
    let endpoints = hosts.iter().map(|host| Endpoint::new([address(*host)]));
    Resolution::new(endpoints.collect::<Vec<_>>())
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let sim = Sim::new(seed);
        let backends = HOSTS.map(|host| sim.backend(address(host)));
        let names = ManualResolver::with_initial("fleet", endpoints(&HOSTS));
        let config = if is_round_robin(seed) {
            ROUND_ROBIN
        } else {
            "{}"
        };
        let channel = builder(&sim, "fleet:///x")
            .resolver(names.clone())
            .default_service_config(config)
            .build()
            .expect("a channel");
        Self {
            sim,
            rng: Rng::from_seed(seed),
            backends,
            names,
            channel,
        }
    }

    /// Returns a random number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.rng.next_seed() % sides
    }

    /// Makes one random change to a host, or to the list of endpoints.
    fn change_something(&mut self) {
        let at = self.roll(3) as usize;
        let ip = address(HOSTS[at]).ip();
        let net = self.sim.net();
        match self.roll(16) {
            0 => self.backends[at].kill(),
            1 => self.backends[at].stop_gracefully(),
            2 | 3 => self.backends[at].restart(),
            4 => net.cut(ip),
            5 | 6 => net.heal(ip),
            7 => {
                let opening = match self.roll(5) {
                    0 => Opening::After(Duration::from_millis(300)),
                    1 => Opening::Silent,
                    2 => Opening::Garbage,
                    3 => Opening::Close,
                    _ => Opening::AtOnce,
                };
                self.backends[at].set_opening(opening);
            }
            8 | 9 => {
                let delay = Duration::from_millis(self.roll(3000));
                let reply = match self.roll(6) {
                    0 => CallReply::Never,
                    1 => CallReply::ResetStream(Reason::REFUSED_STREAM.into()),
                    2 => CallReply::ResetStream(Reason::CANCEL.into()),
                    3 => CallReply::GoAway,
                    4 => CallReply::DropConnection,
                    _ => CallReply::Echo,
                };
                self.backends[at].push_reply(reply.after(delay));
            }
            10 => net.set_fate(address(HOSTS[at]), ConnectFate::Refuse),
            11 => net.set_fate(address(HOSTS[at]), ConnectFate::Silent),
            12 => net.set_fate(address(HOSTS[at]), ConnectFate::Ordinary),
            13 => drop(self.names.update(endpoints(&HOSTS[at..]))),
            14 => drop(self.names.update(endpoints(&HOSTS))),
            _ => {
                let kind = match self.roll(2) {
                    0 => ResolveErrorKind::NotFound,
                    _ => ResolveErrorKind::Unavailable,
                };
                let error = ResolveError::new(kind, "a scripted failure");
                self.names.update(Resolution::from_error(error));
            }
        }
    }

    /// Ends all faults.
    fn repair(&self) {
        for (host, backend) in HOSTS.into_iter().zip(&self.backends) {
            self.sim.net().heal(address(host).ip());
            self.sim
                .net()
                .set_fate(address(host), ConnectFate::Ordinary);
            backend.restart();
            backend.set_opening(Opening::AtOnce);
        }
        self.names.update(endpoints(&HOSTS));
    }

    /// Makes a call of `count` messages (unary for one, else streaming), and checks that it ends by
    /// its deadline, and that a successful response is what the request was. With `given_up_after`,
    /// drops the call after that time instead.
    async fn one_call(&self, count: u8, given_up_after: Option<Duration>) {
        let started = self.sim.elapsed();
        let (body, all) = messages(count, 1000);
        let calling = async {
            if count == 1 {
                let body = Full::new(Bytes::from(all.clone()));
                call(&self.channel, with_timeout(request(body), "2S")).await
            } else {
                call(&self.channel, with_timeout(request(body), "2S")).await
            }
        };
        match given_up_after {
            Some(time) => {
                let sleep = std::pin::pin!(self.sim.sleep(time));
                drop(select(std::pin::pin!(calling), sleep).await);
            }
            None => {
                let outcome = calling.await;
                let took = self.sim.elapsed() - started;
                assert!(took <= TIMEOUT, "{took:?}: {}", outcome.status);
                match outcome.status.code() {
                    Code::DeadlineExceeded => assert_eq!(took, TIMEOUT, "{}", outcome.status),
                    Code::Ok => assert!(outcome.data == all, "{} bytes", outcome.data.len()),
                    _ => {}
                }
            }
        }
    }
}

/// During any faults, every call ends by its deadline. After the faults, calls succeed, and under
/// round_robin every host receives some. After the channel is dropped, no connection is left.
#[test]
fn calls_end_in_time_and_channels_recover() {
    for seed in 0..100 {
        let mut chaos = Chaos::new(seed);
        for _ in 0..40 {
            chaos.change_something();
            let calls: Vec<_> = (0..chaos.roll(6))
                .map(|_| {
                    let count = [1, 2, 5][chaos.roll(3) as usize];
                    let given_up = chaos.roll(4) == 0;
                    let after = given_up.then(|| Duration::from_millis(chaos.roll(500)));
                    (count, after)
                })
                .collect();
            let pause = Duration::from_millis(chaos.roll(700));
            let chaos = &chaos;
            chaos.sim.run(async {
                let calls = calls.into_iter();
                join_all(calls.map(|(count, after)| chaos.one_call(count, after))).await;
                chaos.sim.sleep(pause).await;
            });
        }
        chaos.repair();
        chaos.sim.run(async {
            // Longer than any back-off, and than the delay of any scripted reply.
            chaos.sim.sleep(Duration::from_secs(150)).await;
            let mut hosts = BTreeSet::new();
            for number in 0..60 {
                chaos.sim.sleep(Duration::from_millis(100)).await;
                let outcome = unary_within(&chaos.channel, "2S").await;
                // Scripted replies that are left over may fail some of the first calls.
                if number >= 30 {
                    assert_eq!(
                        outcome.status.code(),
                        Code::Ok,
                        "seed {seed}: {}",
                        outcome.status
                    );
                }
                if outcome.status.code() == Code::Ok {
                    hosts.insert(outcome.host());
                }
            }
            if is_round_robin(seed) {
                assert_eq!(hosts, BTreeSet::from(HOSTS), "seed {seed}");
            }
        });
        let Chaos { sim, channel, .. } = chaos;
        sim.run(async {
            drop(channel);
            sim.sleep(Duration::from_secs(30)).await;
        });
        assert_eq!(sim.net().connections(), 0, "seed {seed}");
    }
}
