//! Load reports of backends.

use http::{HeaderMap, HeaderValue};
use trunkline_lb::{AttemptOutcome, LoadReport};
use trunkline_status::{Code, Status};

/// A report that is decoded, encoded and decoded again is the same, and its maps are bounded. The same
/// bytes as a trailer are a report or none.
pub fn load_report(data: &[u8]) {
    if let Some(report) = LoadReport::decode(data) {
        for map in [
            &report.request_cost,
            &report.utilization,
            &report.named_metrics,
        ] {
            assert!(map.len() <= LoadReport::MOST_METRICS);
        }
        let encoded = report.encode();
        let again = LoadReport::decode(&encoded).expect("what is encoded is a report");
        // The bytes are compared, because a number may be NaN.
        assert_eq!(again.encode(), encoded);
        let mut trailers = HeaderMap::new();
        report.add_to(&mut trailers);
        let sent = in_trailers(&trailers).expect("what is sent is a report");
        assert_eq!(sent.encode(), encoded);
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut trailers = HeaderMap::new();
        trailers.insert("endpoint-load-metrics-bin", value);
        in_trailers(&trailers);
    }
}

fn in_trailers(trailers: &HeaderMap) -> Option<LoadReport> {
    let status = Status::new(Code::Ok, "");
    let outcome = AttemptOutcome::new(&status).with_trailers(trailers);
    outcome.load_report().cloned()
}
