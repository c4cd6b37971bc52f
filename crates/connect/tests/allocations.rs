//! How many allocations a race may make.

use std::net::SocketAddr;
use std::time::Instant;

use trunkline_connect::{KeepOrder, Race, RaceOptions, RaceOutput};

/// A healthy race over two addresses allocates once, its report included.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the race begins at some instant; the clock is not read again"
)]
fn a_healthy_race_allocates_once() {
    let list: [SocketAddr; 2] =
        ["[2001:db8::1]:443", "192.0.2.1:443"].map(|text| text.parse().unwrap());
    let now = Instant::now();
    let allocated = allocation_counter::measure(|| {
        let mut race = Race::over(list, &KeepOrder, RaceOptions::default(), now);
        let Some(RaceOutput::Start { id, .. }) = race.poll_output(now) else {
            panic!("no start");
        };
        assert_eq!(race.poll_output(now), None);
        assert!(race.poll_timeout().is_some());
        race.handle_connected(id, now);
        assert!(matches!(race.poll_output(now), Some(RaceOutput::Ended(_))));
        let report = race.into_report();
        assert_eq!(report.winner(), Some(list[0]));
    });
    assert_eq!(allocated.count_total, 1);
}
