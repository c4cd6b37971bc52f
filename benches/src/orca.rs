//! Load reports, as servers send them.

use http::{HeaderMap, HeaderValue};

/// The trailer that has the report of one call.
///
/// Source: [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md).
const TRAILER: &str = "endpoint-load-metrics-bin";

/// The keys of the two fields of `xds.data.orca.v3.OrcaLoadReport` that weights depend on: their
/// numbers, 6 and 9, with the wire type of a double.
const RPS_FRACTIONAL: u8 = 6 << 3 | 1;
const APPLICATION_UTILIZATION: u8 = 9 << 3 | 1;

/// Returns the trailers of a call whose server handles `rps` calls a second, and is busy for the
/// fraction `utilization` of the time.
#[must_use]
pub fn trailers(rps: f64, utilization: f64) -> HeaderMap {
    let mut message = vec![RPS_FRACTIONAL];
    message.extend(rps.to_le_bytes());
    message.push(APPLICATION_UTILIZATION);
    message.extend(utilization.to_le_bytes());
    let value = HeaderValue::from_str(&base64(&message)).expect("base64 is visible ASCII");
    let mut trailers = HeaderMap::new();
    trailers.insert(TRAILER, value);
    trailers
}

/// Returns the bytes as base64 without padding, as gRPC sends binary metadata.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=chunk.len() {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(char::from(DIGITS[value as usize]));
        }
    }
    text
}
