//! The path between the code under test and one IP address.

use std::net::IpAddr;
use std::time::Duration;

use crate::world::{Action, Event, World};

/// One way takes so long where nothing else was said.
const LATENCY: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Path {
    /// One way; `None` is the network's default.
    pub(super) latency: Option<Duration>,
    /// Added to each packet: at most so much, evenly spread.
    pub(super) jitter: Duration,
    /// The share of datagrams that are lost, 0 to 1.
    pub(super) loss: f64,
    /// The share of datagrams that arrive twice, 0 to 1.
    pub(super) duplication: f64,
    /// Nobody says that a UDP port is closed.
    pub(super) no_icmp: bool,
    /// Nothing gets through.
    pub(super) cut: bool,
    /// What TCP would send again: it arrives when the path is whole again.
    pub(super) held: Vec<Event>,
}

impl World {
    /// Lets a packet arrive at the other end of the path of `ip`, not before `earliest`, and
    /// returns when that will be. On a path that is cut it waits: TCP repeats itself.
    ///
    /// Without an `ip` (a Unix socket) it arrives at once.
    pub(super) fn send(
        &mut self,
        ip: Option<IpAddr>,
        label: String,
        earliest: Duration,
        arrive: Action,
    ) -> Duration {
        let at = match ip {
            None => self.now,
            Some(ip) => {
                if self.net.path(ip).cut {
                    let run = arrive;
                    self.net.path(ip).held.push(Event { label, run });
                    return earliest;
                }
                self.now + self.one_way(ip)
            }
        };
        self.schedule(at.max(earliest), label, arrive).0
    }

    /// How long the next packet takes on the path of `ip`.
    pub(super) fn one_way(&mut self, ip: IpAddr) -> Duration {
        let default = self.net.latency.unwrap_or(LATENCY);
        let path = self.net.path(ip);
        let (latency, jitter) = (path.latency.unwrap_or(default), path.jitter);
        if jitter.is_zero() {
            return latency;
        }
        latency + jitter.mul_f64(self.rng.f64())
    }

    /// Cuts the path of `ip`, or makes it whole again.
    pub(super) fn cut(&mut self, ip: IpAddr, cut: bool) {
        let path = self.net.path(ip);
        if path.cut == cut {
            return;
        }
        path.cut = cut;
        let held = std::mem::take(&mut path.held);
        self.trace(match cut {
            true => format!("the path to {ip} is cut"),
            false => format!("the path to {ip} is whole again"),
        });
        // In the order in which they were sent: what is sent from now on comes behind them.
        let default = self.net.latency.unwrap_or(LATENCY);
        let latency = self.net.path(ip).latency.unwrap_or(default);
        for event in held {
            self.schedule(self.now + latency, event.label, event.run);
        }
    }
}
