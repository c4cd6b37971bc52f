//! A load report on the wire.

use std::collections::BTreeMap;

use super::report::LoadReport;
use crate::protobuf::{Value, put_bytes, put_double, take_field};

// The numbers of the fields of `OrcaLoadReport`. Field 3 is the `rps` of old backends, an integer,
// which gRPC does not read.
const CPU_UTILIZATION: u64 = 1;
const MEM_UTILIZATION: u64 = 2;
const REQUEST_COST: u64 = 4;
const UTILIZATION: u64 = 5;
const RPS_FRACTIONAL: u64 = 6;
const EPS: u64 = 7;
const NAMED_METRICS: u64 = 8;
const APPLICATION_UTILIZATION: u64 = 9;

// The numbers of the fields of an entry of a map.
const KEY: u64 = 1;
const VALUE: u64 = 2;

impl LoadReport {
    /// Decodes an `OrcaLoadReport`; `None` if the message is malformed.
    ///
    /// Of several values of a field or a key, the last one counts. Unknown fields are skipped, and
    /// so is a field of another type.
    #[must_use]
    pub fn decode(message: &[u8]) -> Option<Self> {
        let mut report = Self::default();
        let mut rest = message;
        while !rest.is_empty() {
            match take_field(&mut rest)? {
                (number, Value::I64(bits)) => {
                    if let Some(field) = report.number(number) {
                        *field = f64::from_bits(bits);
                    }
                }
                (number, Value::Bytes(entry)) => {
                    if let Some(map) = report.map(number) {
                        read_entry(entry, map)?;
                    }
                }
                (_, Value::Varint(_) | Value::I32(_)) => {}
            }
        }
        Some(report)
    }

    /// Returns the field with this number, if it is a number itself.
    fn number(&mut self, number: u64) -> Option<&mut f64> {
        Some(match number {
            CPU_UTILIZATION => &mut self.cpu_utilization,
            MEM_UTILIZATION => &mut self.mem_utilization,
            RPS_FRACTIONAL => &mut self.qps,
            EPS => &mut self.eps,
            APPLICATION_UTILIZATION => &mut self.application_utilization,
            _ => return None,
        })
    }

    /// Returns the field with this number, if it is a map.
    fn map(&mut self, number: u64) -> Option<&mut BTreeMap<String, f64>> {
        Some(match number {
            REQUEST_COST => &mut self.request_cost,
            UTILIZATION => &mut self.utilization,
            NAMED_METRICS => &mut self.named_metrics,
            _ => return None,
        })
    }

    /// Encodes the report as an `OrcaLoadReport`: for backends, and for tests.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        for (field, number) in [
            (CPU_UTILIZATION, self.cpu_utilization),
            (MEM_UTILIZATION, self.mem_utilization),
            (RPS_FRACTIONAL, self.qps),
            (EPS, self.eps),
            (APPLICATION_UTILIZATION, self.application_utilization),
        ] {
            put_double(&mut message, field, number);
        }
        for (field, map) in [
            (REQUEST_COST, &self.request_cost),
            (UTILIZATION, &self.utilization),
            (NAMED_METRICS, &self.named_metrics),
        ] {
            for (key, value) in map {
                let mut entry = Vec::new();
                put_bytes(&mut entry, KEY, key.as_bytes());
                put_double(&mut entry, VALUE, *value);
                put_bytes(&mut message, field, &entry);
            }
        }
        message
    }
}

/// Adds an entry of a map, unless the map is full. Returns `None` if the entry is malformed.
fn read_entry(entry: &[u8], map: &mut BTreeMap<String, f64>) -> Option<()> {
    let (mut key, mut value) = ("", 0.0);
    let mut rest = entry;
    while !rest.is_empty() {
        match take_field(&mut rest)? {
            (KEY, Value::Bytes(bytes)) => key = std::str::from_utf8(bytes).ok()?,
            (VALUE, Value::I64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
    }
    if let Some(old) = map.get_mut(key) {
        *old = value;
    } else if map.len() < LoadReport::MOST_METRICS {
        map.insert(key.to_owned(), value);
    }
    Some(())
}
