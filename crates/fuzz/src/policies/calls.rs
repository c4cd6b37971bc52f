//! Calls that a policy sends somewhere.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use trunkline_lb::{AttemptOutcome, LoadReport, Pick, PickRequest, Picker, SubchannelId};
use trunkline_status::{Code, Status};

use crate::input::Input;

/// The most calls in flight.
const MOST_CALLS: usize = 64;

/// The calls in flight, each with the picker that chose its subchannel.
#[derive(Default)]
pub(super) struct Calls {
    open: Vec<(Arc<dyn Picker>, SubchannelId)>,
}

impl Calls {
    /// Starts a call if its pick is a subchannel.
    pub(super) fn start(&mut self, picker: &Arc<dyn Picker>, pick: &Pick) {
        if let Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) = pick
            && self.open.len() < MOST_CALLS
        {
            self.open.push((Arc::clone(picker), *id));
        }
    }

    /// Returns the picker of one of the calls, which may be an old one.
    pub(super) fn picker(&self, number: u8) -> Option<&Arc<dyn Picker>> {
        let (picker, _) = self
            .open
            .get(usize::from(number) % self.open.len().max(1))?;
        Some(picker)
    }

    /// Ends one call, perhaps with a load report.
    pub(super) fn end(&mut self, input: &mut Input<'_>) {
        if self.open.is_empty() {
            return;
        }
        let at = usize::from(input.byte()) % self.open.len();
        let (picker, id) = self.open.swap_remove(at);
        let byte = input.byte();
        let code = [Code::Ok, Code::Internal, Code::Unavailable][usize::from(byte % 3)];
        let mut trailers = HeaderMap::new();
        if byte & 0x80 != 0 {
            // Weights of which the largest is 16 times the smallest.
            let qps = f64::from(1 << (byte / 3 % 5));
            let report = LoadReport::default().with_cpu_utilization(0.5);
            report.with_qps(qps).add_to(&mut trailers);
        }
        end(&*picker, id, code, &trailers);
    }

    /// Ends all calls.
    pub(super) fn end_all(&mut self) {
        for (picker, id) in std::mem::take(&mut self.open) {
            end(&*picker, id, Code::Ok, &HeaderMap::new());
        }
    }
}

fn end(picker: &dyn Picker, id: SubchannelId, code: Code, trailers: &HeaderMap) {
    if let Some(tracker) = picker.tracker() {
        let status = Status::new(code, "");
        let outcome = AttemptOutcome::new(&status).with_trailers(trailers);
        tracker.attempt_ended(id, &outcome.with_sent(true));
    }
}

/// Picks for a call of one of 16 users; 0 is a call without a user.
pub(super) fn pick(picker: &dyn Picker, user: u8) -> Pick {
    let mut metadata = HeaderMap::new();
    if user > 0 {
        metadata.insert("user", HeaderValue::from(u16::from(user)));
    }
    picker.pick(&PickRequest::new("/shop.Orders/Get", &metadata))
}
