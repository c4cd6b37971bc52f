//! Packets on the path between the code under test and one IP address.

use std::net::IpAddr;
use std::time::Duration;

use crate::world::{EventAction, World};

impl World {
    /// Schedules the arrival of a packet at the other end of the path of `ip`, not before
    /// `earliest`, and returns when it arrives.
    ///
    /// On a cut path the packet waits until the path is healed, because TCP retransmits. Without
    /// an `ip` (a Unix socket) the packet arrives at once.
    pub(super) fn send(
        &mut self,
        ip: Option<IpAddr>,
        label: String,
        earliest: Duration,
        arrive: EventAction,
    ) -> Duration {
        let at = match ip {
            None => self.now,
            Some(ip) => {
                if self.net.path(ip).cut {
                    self.hold(ip, label, arrive);
                    return earliest;
                }
                self.now + self.draw_latency(ip)
            }
        };
        self.schedule(at.max(earliest), label, arrive).0
    }

    /// Returns the one-way latency of the next packet on the path of `ip`, with jitter.
    fn draw_latency(&mut self, ip: IpAddr) -> Duration {
        let latency = self.latency(ip);
        let jitter = self.net.path(ip).jitter;
        if jitter.is_zero() {
            return latency;
        }
        latency + jitter.mul_f64(self.rng.f64())
    }

    fn latency(&mut self, ip: IpAddr) -> Duration {
        let default = self.net.latency;
        self.net.path(ip).latency.unwrap_or(default)
    }

    /// Cuts the path of `ip`.
    pub(super) fn cut(&mut self, ip: IpAddr) {
        let path = self.net.path(ip);
        if !path.cut {
            path.cut = true;
            self.trace(format!("the path to {ip} is cut"));
        }
    }

    /// Heals the path of `ip`: sends the packets that waited.
    pub(super) fn heal(&mut self, ip: IpAddr) {
        let path = self.net.path(ip);
        if !path.cut {
            return;
        }
        path.cut = false;
        self.trace(format!("the path to {ip} is whole again"));
        // In the order of sending, and before every packet that is sent from now on.
        let latency = self.latency(ip);
        for event in self.release(ip) {
            self.schedule(self.now + latency, event.label, event.run);
        }
    }
}
