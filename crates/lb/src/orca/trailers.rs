//! Load reports in the trailers of a call.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::report::LoadReport;

/// The trailer with the report.
const TRAILER: HeaderName = HeaderName::from_static("endpoint-load-metrics-bin");

/// The base64 of binary headers: padded or not, as the protocol requires of a receiver. It is sent
/// without padding.
///
/// Source: [gRPC over HTTP/2, Custom-Metadata](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A report of up to this many bytes is decoded without an allocation for its bytes. A report
/// without maps has at most 45.
const SHORT: usize = 256;

/// Returns the report in the trailers; `None` if there is none, more than one, or a malformed one.
pub(crate) fn report_in(trailers: &HeaderMap) -> Option<LoadReport> {
    let mut values = trailers.get_all(&TRAILER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let value = value.as_bytes();
    if base64::decoded_len_estimate(value.len()) <= SHORT {
        let mut bytes = [0; SHORT];
        let length = BASE64.decode_slice(value, &mut bytes).ok()?;
        LoadReport::decode(bytes.get(..length)?)
    } else {
        LoadReport::decode(&BASE64.decode(value).ok()?)
    }
}

impl LoadReport {
    /// Adds the report to the trailers of a call, in place of another: for backends, and for tests.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use trunkline_lb::{AttemptOutcome, LoadReport};
    /// use trunkline_status::{Code, Status};
    ///
    /// let report = LoadReport::default().with_cpu_utilization(0.5).with_qps(100.0);
    /// let mut trailers = HeaderMap::new();
    /// report.add_to(&mut trailers);
    /// assert!(trailers.contains_key("endpoint-load-metrics-bin"));
    ///
    /// let status = Status::new(Code::Ok, "");
    /// let outcome = AttemptOutcome::new(&status).with_trailers(&trailers);
    /// assert_eq!(outcome.load_report(), Some(&report));
    /// ```
    pub fn add_to(&self, trailers: &mut HeaderMap) {
        let value = BASE64.encode(self.encode());
        // Base64 has only bytes that a header may have.
        if let Ok(value) = HeaderValue::try_from(value) {
            trailers.insert(TRAILER, value);
        }
    }
}
