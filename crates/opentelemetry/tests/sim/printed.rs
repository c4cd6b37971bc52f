//! Spans and metrics as lines of text.

use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::trace::SpanData;

/// Checks lines, whole. The expected ones may be indented together.
#[track_caller]
pub(crate) fn expect_lines(printed: &[String], expected: &str) {
    let expected: Vec<&str> = expected
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let common = expected.iter().map(indent).min().unwrap_or(0);
    let expected: Vec<_> = expected.iter().map(|line| &line[common..]).collect();
    assert!(printed == expected, "printed:\n{}", printed.join("\n"));
}

/// Returns the spans as a tree: each with its events, then its children in the order of their start.
/// Times count from `start`.
///
/// ```text
/// Sent.test.Echo.Say Client 0ms..40ms Ok
///   @20ms Delayed name resolution complete
///   Attempt.test.Echo.Say Internal 20ms..40ms Ok {transparent-retry=false}
/// ```
pub(crate) fn print(spans: &[SpanData], start: SystemTime) -> Vec<String> {
    let is_in = |id: SpanId| spans.iter().any(|span| span.span_context.span_id() == id);
    let mut lines = Vec::new();
    for root in sorted(spans, |span| !is_in(span.parent_span_id)) {
        if root.parent_span_id != SpanId::INVALID {
            lines.push(format!("under {}:", root.parent_span_id));
        }
        add(spans, root, 0, start, &mut lines);
    }
    lines
}

/// Returns some of the spans, in the order of their start.
fn sorted(spans: &[SpanData], is_wanted: impl Fn(&SpanData) -> bool) -> Vec<&SpanData> {
    let mut wanted: Vec<_> = spans.iter().filter(|span| is_wanted(span)).collect();
    wanted.sort_by_key(|span| (span.start_time, text(&span.attributes)));
    wanted
}

fn add(
    spans: &[SpanData],
    span: &SpanData,
    depth: usize,
    start: SystemTime,
    lines: &mut Vec<String>,
) {
    let indent = "  ".repeat(depth);
    let at = |time: SystemTime| time.duration_since(start).expect("a time in the run");
    let status = match &span.status {
        Status::Unset => "Unset".to_owned(),
        Status::Ok => "Ok".to_owned(),
        Status::Error { description } => format!("Error({description})"),
    };
    lines.push(format!(
        "{indent}{} {:?} {:?}..{:?} {status}{}",
        span.name,
        span.span_kind,
        at(span.start_time),
        at(span.end_time),
        text(&span.attributes),
    ));
    for event in span.events.iter() {
        let (time, attributes) = (at(event.timestamp), text(&event.attributes));
        lines.push(format!("{indent}  @{time:?} {}{attributes}", event.name));
    }
    let id = span.span_context.span_id();
    for child in sorted(spans, |child| child.parent_span_id == id) {
        let traces = [child, span].map(|span| span.span_context.trace_id());
        assert_eq!(traces[0], traces[1], "a trace is one tree");
        add(spans, child, depth + 1, start, lines);
    }
}

/// Returns attributes as text: nothing for none.
fn text(attributes: &[KeyValue]) -> String {
    let attribute = |pair: &KeyValue| format!("{}={}", pair.key, pair.value);
    let attributes: Vec<_> = attributes.iter().map(attribute).collect();
    if attributes.is_empty() {
        String::new()
    } else {
        format!(" {{{}}}", attributes.join(", "))
    }
}

/// Returns the series of an export, a sorted line for each.
///
/// ```text
/// grpc.client.attempt.started [{attempt}] {grpc.method=test.Echo/Say} 3
/// grpc.client.call.duration [s] {grpc.method=test.Echo/Say} 2 values, sum 0.36: 1 up to 0.3, 1 up to 0.4
/// ```
pub(crate) fn print_metrics(exported: &ResourceMetrics) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in exported.scope_metrics().flat_map(ScopeMetrics::metrics) {
        let head = format!("{} [{}]", metric.name(), metric.unit());
        match metric.data() {
            AggregatedMetrics::F64(data) => add_series(&head, data, &mut lines),
            AggregatedMetrics::U64(data) => add_series(&head, data, &mut lines),
            AggregatedMetrics::I64(data) => add_series(&head, data, &mut lines),
        }
    }
    lines.sort();
    lines
}

fn add_series<T: Copy + Debug>(head: &str, data: &MetricData<T>, lines: &mut Vec<String>) {
    let mut add = |attributes: Vec<&KeyValue>, value: String| {
        let mut attributes: Vec<_> = attributes.into_iter().cloned().collect();
        attributes.sort_by(|one, other| one.key.cmp(&other.key));
        lines.push(format!("{head}{} {value}", text(&attributes)));
    };
    match data {
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .for_each(|point| add(point.attributes().collect(), format!("{:?}", point.value()))),
        MetricData::Sum(sum) => sum
            .data_points()
            .for_each(|point| add(point.attributes().collect(), format!("{:?}", point.value()))),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .for_each(|point| add(point.attributes().collect(), distribution(point))),
        MetricData::ExponentialHistogram(_) => panic!("an exponential histogram"),
    }
}

/// Returns the buckets of a histogram that have values.
fn distribution<T: Copy + Debug>(point: &HistogramDataPoint<T>) -> String {
    let bounds = point.bounds().map(|bound| format!("up to {bound}"));
    let bounds = bounds.chain(["more".to_owned()]);
    let buckets = bounds.zip(point.bucket_counts());
    let buckets = buckets.filter(|(_, count)| *count > 0);
    let buckets: Vec<_> = buckets
        .map(|(bound, count)| format!("{count} {bound}"))
        .collect();
    let (count, sum) = (point.count(), point.sum());
    format!("{count} values, sum {sum:?}: {}", buckets.join(", "))
}
