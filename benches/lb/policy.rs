//! The policies that are measured.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use trunkline_benches::driver::{Driver, endpoints};
use trunkline_lb::{AttemptOutcome, LoadReport, Pick, PickRequest, SubchannelId};
use trunkline_status::{Code, Status};

/// A policy of the standard registry. A new policy is one line of [`POLICIES`].
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// The `loadBalancingConfig` that names it.
    config: &'static str,
    /// The most that a pick on one thread may cost, in costs of the floor.
    pub(crate) most: Option<f64>,
    /// Whether its calls end with a load report.
    has_reports: bool,
}

pub(crate) const POLICIES: [Policy; 4] = [
    Policy {
        name: "round_robin",
        config: r#"[{"round_robin": {}}]"#,
        most: Some(1.5),
        has_reports: false,
    },
    Policy {
        name: "weighted_round_robin",
        config: r#"[{"weighted_round_robin": {"blackoutPeriod": "0s"}}]"#,
        most: Some(3.0),
        has_reports: true,
    },
    Policy {
        name: "least_request",
        config: r#"[{"least_request_experimental": {"choiceCount": 2}}]"#,
        most: Some(3.0),
        has_reports: false,
    },
    Policy {
        name: "ring_hash",
        config: r#"[{"ring_hash_experimental": {"requestHashHeader": "x-user"}}]"#,
        most: None,
        has_reports: false,
    },
];

/// How many different calls there are.
const USERS: u32 = 1024;

impl Policy {
    fn config(&self) -> Value {
        serde_json::from_str(self.config).expect("JSON")
    }

    /// Creates the policy, without endpoints.
    pub(crate) fn driver(&self, seed: u64) -> Driver {
        let driver = Driver::new(&self.config(), seed);
        driver.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Creates the policy with `count` endpoints that are ready, and with weights where it has
    /// weights.
    pub(crate) fn ready(&self, count: u32, start: Instant) -> Driver {
        let mut driver = self.driver(1);
        driver.update(endpoints(count), start);
        driver.connect_all(start);
        self.wake_lazy(&mut driver, start);
        if self.has_reports {
            self.report_loads(&mut driver, start);
            let due = start + Duration::from_secs(1);
            while driver.poll_timeout().is_some_and(|timeout| timeout <= due) {
                driver.handle_timeout(due);
            }
        }
        driver
    }

    /// Connects the endpoints that wait for a call, until none of the calls that are measured waits.
    fn wake_lazy(&self, driver: &mut Driver, now: Instant) {
        for metadata in &requests() {
            let request = PickRequest::new("/shop.Orders/Get", metadata);
            for _ in 0..8 {
                match driver.picker().pick(&request) {
                    Pick::Subchannel(_) => break,
                    Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) => driver.exit_idle(now),
                    _ => {}
                }
                driver.connect_all(now);
            }
        }
    }

    /// Ends one call at each backend, with a report that makes its weight 1, 2, 3 or 4.
    fn report_loads(&self, driver: &mut Driver, now: Instant) {
        let picker = driver.picker();
        let tracker = picker.tracker().expect("a policy with weights tracks ends");
        let status = Status::new(Code::Ok, "");
        for subchannel in driver.subchannels().filter(|found| found.is_ready) {
            let weight = f64::from(subchannel.id.index() as u32 % 4 + 1);
            let report = reporting(100.0 * weight);
            let outcome = AttemptOutcome::new(&status)
                .with_trailers(&report)
                .with_ended_at(now);
            tracker.attempt_ended(subchannel.id, &outcome.with_headers(true).with_sent(true));
        }
    }

    /// Returns the header list that ends each call.
    pub(crate) fn trailers(&self) -> HeaderMap {
        if self.has_reports {
            reporting(200.0)
        } else {
            HeaderMap::new()
        }
    }
}

/// Returns the trailers of a server that handles `qps` calls a second, and is busy half of the time.
fn reporting(qps: f64) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let report = LoadReport::default().with_application_utilization(0.5);
    report.with_qps(qps).add_to(&mut trailers);
    trailers
}

/// Returns the metadata of the calls that are measured: those of many users.
pub(crate) fn requests() -> Vec<HeaderMap> {
    let metadata = |user| {
        let name = HeaderName::from_static("x-user");
        HeaderMap::from_iter([(name, HeaderValue::from(user))])
    };
    (0..USERS).map(metadata).collect()
}

/// Returns the ids of the ready subchannels, for contestants that are not ours.
pub(crate) fn ids(count: u32, now: Instant) -> Vec<SubchannelId> {
    let driver = POLICIES[0].ready(count, now);
    driver.subchannels().map(|found| found.id).collect()
}
