//! The events.

use trunkline_lb::testing::refused;
use trunkline_lb::{LoadReport, OldList, Policy, SubchannelId, SubchannelState, WatchId};
use trunkline_status::{Code, Status};

use super::calls::pick;
use super::choices::CHOICES;
use super::list::List;
use super::model::is_health_check;
use super::run::Run;
use crate::input::Input;

impl Run {
    /// Hands over one event.
    pub(super) fn event(&mut self, event: u8, input: &mut Input<'_>) {
        match event % 24 {
            0 | 1 => self.update(List::read(input)),
            2 => self.repeat_update(),
            3 => self.channel.resolver_error("timed out", OldList::Keep),
            4 if input.below(4) == 0 => {
                self.ends += 1;
                self.channel.resolver_error("NXDOMAIN", OldList::DropList);
                self.list = None;
                self.model.handle_break();
            }
            5 => self.configure(input),
            6 => {
                self.ends += 1;
                self.channel.exit_idle();
            }
            7 => self.late_event(input),
            8 => self.early_timeout(),
            9 => self.channel.event(|policy, _| policy.reset_backoff()),
            10 => {
                let millis = [1, 50, 251, 700, 1000, 5000][usize::from(input.below(6))];
                self.channel.advance_millis(millis);
            }
            11 => self.reach_deadline(),
            12 | 13 => self.watch_event(input),
            14 => self.eject(input),
            15 | 16 => self.start_calls(input),
            17 | 18 => {
                for _ in 0..=input.below(8) {
                    self.calls.end(input);
                }
            }
            _ => self.move_one(input),
        }
    }

    /// Hands the list over again. Nothing changes.
    fn repeat_update(&mut self) {
        let Some(list) = self.list.clone() else {
            return;
        };
        self.settle();
        let before: Vec<SubchannelId> = self.channel.subchannels.keys().copied().collect();
        self.update(list);
        let after = self.channel.subchannels.keys().copied();
        assert!(after.eq(before), "a repeated list changes the subchannels");
    }

    /// Changes the policy or its configuration, and the service whose health is checked.
    fn configure(&mut self, input: &mut Input<'_>) {
        let Some(list) = self.list.clone() else {
            return;
        };
        let byte = input.byte();
        let service = [None, Some(""), Some("orders")][usize::from(byte / 64 % 3)];
        let old = std::mem::replace(&mut self.service, service);
        self.channel.set_health_check(service);
        if byte % 2 == 1 {
            let before = self.choice;
            self.choice = &CHOICES[usize::from(byte / 2) % CHOICES.len()];
            self.channel.set_config(self.choice.config.clone());
            if self.choice.name != before.name || !self.choice.is_leaf {
                self.policies = 2;
                self.model.handle_break();
            }
        }
        self.model.handle_list(&list, old != service);
        self.update(list);
    }

    /// Hands over an event of a subchannel that was removed. Nothing changes.
    fn late_event(&mut self, input: &mut Input<'_>) {
        let number = usize::from(input.byte());
        let removed = &self.channel.removed;
        let Some(&id) = removed.get(number % removed.len().max(1)) else {
            return;
        };
        let state = match input.below(5) {
            0 => SubchannelState::Ready,
            1 => refused(),
            2 => SubchannelState::Idle,
            3 => SubchannelState::Connecting,
            _ => {
                return self.without_effect(|policy, control| {
                    policy.handle_ejection(id, true, control);
                });
            }
        };
        self.without_effect(|policy, control| policy.handle_subchannel(id, state, control));
    }

    /// Wakes the policy before its time. Nothing changes.
    fn early_timeout(&mut self) {
        let due = self.channel.policy.poll_timeout();
        if due.is_none_or(|due| due > self.channel.now) {
            self.without_effect(|policy, control| policy.handle_timeout(control));
        }
    }

    /// Advances the time to the next deadline of the policy, however far it is.
    fn reach_deadline(&mut self) {
        if let Some(due) = self.channel.policy.poll_timeout() {
            let wait = due.saturating_duration_since(self.channel.now);
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.channel.advance_millis(millis.saturating_add(1));
        }
    }

    /// Hands over a message of a watch, or its end.
    fn watch_event(&mut self, input: &mut Input<'_>) {
        let number = usize::from(input.byte());
        let watches = self.channel.watches.keys();
        let Some(&watch) = watches.clone().nth(number % watches.len().max(1)) else {
            return;
        };
        let byte = input.byte();
        match byte % 8 {
            0 => self.end_watch(watch, Code::Unavailable),
            1 => self.end_watch(watch, Code::Unimplemented),
            // Not a message of the protocol.
            2 => self.channel.watch_message(watch, "\x08"),
            kind if is_health_check(&self.channel, watch) => {
                let is_healthy = kind > 4;
                self.model.handle_message(watch, is_healthy);
                let message = if is_healthy { "\x08\x01" } else { "\x08\x02" };
                self.channel.watch_message(watch, message);
            }
            _ => {
                let qps = f64::from(1 << (byte / 8 % 5));
                let report = LoadReport::default().with_cpu_utilization(0.5);
                let message = report.with_qps(qps).encode();
                self.channel.watch_message(watch, message);
            }
        }
    }

    fn end_watch(&mut self, watch: WatchId, code: Code) {
        self.model.handle_end(&self.channel, watch, code);
        let status = Status::new(code, "the server ended it");
        self.channel.end_watch(watch, status);
    }

    /// Ejects a backend, or takes it back.
    fn eject(&mut self, input: &mut Input<'_>) {
        let byte = input.byte();
        if let Some(id) = self.subchannel(byte / 2) {
            let ejected = byte.is_multiple_of(2);
            if ejected {
                self.model.ejected.insert(id);
            } else {
                self.model.ejected.remove(&id);
            }
            self.channel.eject(id, ejected);
        }
    }

    /// Picks for a few calls, some of them with a picker that was replaced.
    fn start_calls(&mut self, input: &mut Input<'_>) {
        self.settle();
        let byte = input.byte();
        if byte & 0x80 != 0
            && let Some(old) = self.calls.picker(byte).cloned()
        {
            let picked = pick(&*old, byte % 16);
            self.calls.start(&old, &picked);
        }
        let picker = self.channel.picker();
        for call in 0..byte % 8 {
            let picked = pick(&*picker, input.byte() % 16);
            self.check_picked(&picked, call);
            self.calls.start(&picker, &picked);
        }
    }

    /// Moves a subchannel to a state that can follow its state.
    fn move_one(&mut self, input: &mut Input<'_>) {
        let byte = input.byte();
        let Some(id) = self.subchannel(byte / 8) else {
            return;
        };
        let found = &self.channel.subchannels[&id];
        let next = match (&found.state, byte % 8) {
            (SubchannelState::Idle, _) => return,
            (SubchannelState::Connecting, 0..4) => SubchannelState::Ready,
            (SubchannelState::Connecting, 4 | 5) | (SubchannelState::Ready, 7) => refused(),
            (SubchannelState::Connecting, 6) => SubchannelState::Idle,
            // The event of a connect that the policy requested.
            (SubchannelState::Connecting, _) => SubchannelState::Connecting,
            // It had several connections.
            (SubchannelState::Ready, 6) => SubchannelState::Connecting,
            (SubchannelState::Ready | SubchannelState::TransientFailure(_), _) => {
                SubchannelState::Idle
            }
        };
        let was_connecting = found.state == SubchannelState::Connecting;
        if was_connecting && next == SubchannelState::Idle {
            self.model.handle_failure(&found.address);
        }
        self.ends += 1;
        self.channel.set_id(id, next);
    }
}
