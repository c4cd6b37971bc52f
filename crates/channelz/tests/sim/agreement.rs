//! All that counts the calls of a channel counts the same: the backends, a sink of metrics, OpenTelemetry,
//! Prometheus and channelz, in a run with failures, retries, hedges, an ejection and a lost backend.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_metrics::MetricsFacade;
use trunkline_opentelemetry::OpenTelemetry;
use trunkline_sim::{Backend, CallReply};
use trunkline_status::{Code, Status};
use trunkline_telemetry::testing::{Recorded, RecordingSink};
use trunkline_telemetry::{LabelKey, Metrics, MetricsOptions, instruments};

use crate::world::{SECOND, World, address};

/// One series and its value: the labels are sorted by their keys. A histogram is two series, the number
/// of its values (`#`) and their sum (`+`), which only bytes and counts have.
type Table = BTreeMap<String, f64>;

const CONFIG: &str = r#"{
    "loadBalancingConfig": [{"outlier_detection_experimental": {
        "interval": "1s",
        "baseEjectionTime": "2s",
        "maxEjectionPercent": 50,
        "failurePercentageEjection": {
            "threshold": 50, "minimumHosts": 3, "requestVolume": 5
        },
        "childPolicy": [{"round_robin": {}}]
    }}],
    "methodConfig": [{
        "name": [{"service": "shop.Orders", "method": "Get"}],
        "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }, {
        "name": [{"service": "shop.Orders", "method": "Find"}],
        "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.05s"}
    }]
}"#;

/// The steps of the run, in any order.
const STEPS: [Step; 8] = [
    Step::Plain,
    Step::Retried,
    Step::Refused,
    Step::GoAway,
    Step::Hedged,
    Step::TimedOut,
    Step::Ejected,
    Step::Lost,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Plain,
    Retried,
    Refused,
    GoAway,
    Hedged,
    TimedOut,
    Ejected,
    Lost,
}

/// A channel to four backends that four observers see.
struct Observed {
    world: Rc<World>,
    backends: Vec<Backend>,
    recording: RecordingSink,
    prometheus: PrometheusHandle,
    meters: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
    channel: Channel,
    /// How the calls ended, by method and code, as the callers saw it.
    ended: BTreeMap<(String, String), u64>,
}

impl Observed {
    fn new() -> Self {
        let world = Rc::new(World::new());
        let backends = (1..=4).map(|host| world.backend(host)).collect();
        let options = MetricsOptions::default()
            .with_all_instruments()
            .with_optional_label(LabelKey::DISCONNECT_ERROR);
        let recording = RecordingSink::new();
        let recorder = PrometheusBuilder::new().build_recorder();
        let prometheus = recorder.handle();
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        let telemetry = OpenTelemetry::new()
            .with_meter_provider(&meters)
            .with_metrics_options(options.clone());
        let target = (1..=4).map(|host| address(host).to_string());
        let target = format!("ipv4:{}", target.collect::<Vec<_>>().join(","));
        let channel = world
            .builder(target)
            .default_service_config(CONFIG)
            .telemetry(Metrics::new(recording.clone()).with_options(options.clone()))
            .telemetry(Metrics::new(MetricsFacade::new(recorder)).with_options(options))
            .telemetry(telemetry)
            .build()
            .expect("a channel");
        Self {
            world,
            backends,
            recording,
            prometheus,
            meters,
            exporter,
            channel,
            ended: BTreeMap::new(),
        }
    }

    /// Makes a call, and counts how it ended.
    async fn call(&mut self, method: &str, timeout: Option<&'static str>) {
        let code = call(&self.channel, method, timeout).await;
        self.count(method, code);
    }

    fn count(&mut self, method: &str, code: Code) {
        let key = (format!("shop.Orders/{method}"), code.to_string());
        *self.ended.entry(key).or_default() += 1;
    }

    async fn calls(&mut self, method: &str, number: usize, pause: Duration) {
        for _ in 0..number {
            self.call(method, None).await;
            self.world.sim.sleep(pause).await;
        }
    }

    async fn run(&mut self, step: Step) {
        let (pause, backend) = (Duration::from_millis(10), self.backends.clone());
        let status = |code| CallReply::Status {
            code,
            message: String::new(),
        };
        match step {
            Step::Plain => self.calls("Put", 20, pause).await,
            Step::Retried => {
                backend[0].push_reply(status(14));
                backend[1].push_reply(status(14));
                self.calls("Get", 8, pause).await;
            }
            Step::Refused => {
                backend[2].push_reply(CallReply::ResetStream(7));
                self.calls("Put", 4, pause).await;
            }
            Step::GoAway => {
                backend[3].push_reply(CallReply::GoAway);
                self.calls("Put", 8, SECOND).await;
            }
            Step::Hedged => {
                backend[1].push_reply(CallReply::Echo.after(Duration::from_millis(400)));
                self.calls("Find", 4, pause).await;
            }
            Step::TimedOut => {
                backend[0].push_reply(CallReply::Never);
                backend[1].push_reply(CallReply::Never);
                for _ in 0..4 {
                    self.call("Put", Some("100m")).await;
                }
                backend[0].push_reply(CallReply::Never);
                let dropped = call(&self.channel, "Put", None);
                // Four calls in turn: one is never answered, and the caller drops it.
                let mut calls = vec![dropped];
                calls.extend((0..3).map(|_| call(&self.channel, "Put", None)));
                let mut codes = Vec::new();
                for call in calls {
                    codes.push(
                        within(&self.world, call, SECOND)
                            .await
                            .unwrap_or(Code::Cancelled),
                    );
                }
                for code in codes {
                    self.count("Put", code);
                }
            }
            Step::Ejected => {
                backend[2].set_reply(status(13));
                self.calls("Put", 60, Duration::from_millis(50)).await;
                backend[2].set_reply(CallReply::Echo);
                self.calls("Put", 60, Duration::from_millis(100)).await;
            }
            Step::Lost => {
                backend[1].push_reply(CallReply::DropConnection);
                self.calls("Put", 4, pause).await;
                backend[0].kill();
                self.calls("Put", 8, Duration::from_millis(100)).await;
                backend[0].restart();
                self.world.sim.sleep(10 * SECOND).await;
                self.calls("Put", 8, pause).await;
            }
        }
    }

    /// Returns what the sink recorded.
    fn recorded(&self) -> Table {
        let mut table = Table::new();
        for line in self.recording.lines() {
            let name = line.rsplit_once("} ").expect("labels").0.to_owned() + "}";
            let recorded = self.recording.recorded(&name).expect("a series");
            let (instrument, labels) = name.split_once('{').expect("labels");
            let labels = labels.trim_end_matches('}').split(", ");
            let labels = labels.map(|label| label.split_once('=').expect("a label"));
            match recorded {
                Recorded::Values(values) => {
                    let sum = values.iter().sum();
                    add_histogram(&mut table, instrument, labels, values.len() as f64, sum);
                }
                Recorded::Sum(value) | Recorded::Last(Some(value)) => {
                    table.insert(series(instrument, labels), value);
                }
                other => panic!("{other:?}"),
            }
        }
        table
    }

    /// Returns what OpenTelemetry exports.
    fn exported(&self) -> Table {
        self.meters.force_flush().expect("an export");
        let exported = self.exporter.get_finished_metrics().expect("metrics");
        let last = exported.last().expect("an export");
        let mut table = Table::new();
        for metric in last.scope_metrics().flat_map(ScopeMetrics::metrics) {
            match metric.data() {
                AggregatedMetrics::F64(data) => add_data(&mut table, metric.name(), data, |v| v),
                AggregatedMetrics::U64(data) => {
                    add_data(&mut table, metric.name(), data, |v| v as f64);
                }
                AggregatedMetrics::I64(data) => {
                    add_data(&mut table, metric.name(), data, |v| v as f64);
                }
            }
        }
        table
    }

    /// Returns what Prometheus scrapes.
    fn scraped(&self) -> Table {
        let text = self.prometheus.render();
        let mut table = Table::new();
        for instrument in instruments::ALL {
            let name = instrument.name.replace('.', "_");
            let keys = instrument.labels.iter().chain(instrument.optional_labels);
            let keys: BTreeMap<String, String> = keys
                .map(|key| (key.to_string().replace('.', "_"), key.to_string()))
                .collect();
            for (suffix, mark) in [("", ""), ("_count", "#"), ("_sum", "+")] {
                let start = format!("{name}{suffix}{{");
                for line in text.lines().filter(|line| line.starts_with(&start)) {
                    let (labels, value) = line[start.len()..].rsplit_once("} ").expect("labels");
                    if labels.contains("quantile=") || (mark == "+" && instrument.unit == "s") {
                        continue;
                    }
                    let labels = labels.trim_end_matches('"').split("\",");
                    let labels = labels.map(|label| label.split_once("=\"").expect("a label"));
                    let labels = labels.map(|(key, value)| (keys[key].as_str(), value));
                    let value = value.parse().expect("a number");
                    table.insert(format!("{mark}{}", series(instrument.name, labels)), value);
                }
            }
        }
        table
    }
}

/// Makes a call of a method of `shop.Orders`.
fn call(
    channel: &Channel,
    method: &str,
    timeout: Option<&'static str>,
) -> impl Future<Output = Code> + use<> {
    let mut channel = channel.clone();
    let mut request = Request::post(format!("/shop.Orders/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let body = Full::new(Bytes::from_static(b"\0\0\0\0\x05hello"));
    let request = request.body(body).expect("a request");
    async move {
        let Ok(response) = channel.call(request).await;
        let (head, body) = response.into_parts();
        let Ok(read) = body.collect().await;
        let status = Status::from_trailers(read.trailers().unwrap_or(&head.headers));
        status.expect("a status").code()
    }
}

/// Returns the result of a future; `None` when it is dropped because it took too long.
async fn within<F: Future>(world: &World, future: F, limit: Duration) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut limit = std::pin::pin!(world.sim.sleep(limit));
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(output));
        }
        limit.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Returns the name of a series.
fn series<'a>(instrument: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let labels: BTreeMap<&str, &str> = labels.into_iter().collect();
    // There is one target.
    let labels = labels.iter().filter(|(key, _)| **key != "grpc.target");
    let labels: Vec<String> = labels.map(|(key, text)| format!("{key}={text}")).collect();
    format!("{instrument}{{{}}}", labels.join(", "))
}

fn add_histogram<'a>(
    table: &mut Table,
    instrument: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    count: f64,
    sum: f64,
) {
    let name = series(instrument, labels);
    if instruments::find(instrument).expect("an instrument").unit != "s" {
        table.insert(format!("+{name}"), sum);
    }
    table.insert(format!("#{name}"), count);
}

fn add_data<T: Copy>(
    table: &mut Table,
    name: &str,
    data: &MetricData<T>,
    number: impl Fn(T) -> f64,
) {
    let pairs = |attributes: Vec<&KeyValue>| -> Vec<(String, String)> {
        let pairs = attributes.into_iter();
        pairs
            .map(|pair| (pair.key.to_string(), pair.value.to_string()))
            .collect()
    };
    fn borrowed(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
    match data {
        MetricData::Gauge(gauge) => gauge.data_points().for_each(|point| {
            let labels = pairs(point.attributes().collect());
            table.insert(series(name, borrowed(&labels)), number(point.value()));
        }),
        MetricData::Sum(sum) => sum.data_points().for_each(|point| {
            let labels = pairs(point.attributes().collect());
            table.insert(series(name, borrowed(&labels)), number(point.value()));
        }),
        MetricData::Histogram(histogram) => histogram.data_points().for_each(|point| {
            let labels = pairs(point.attributes().collect());
            let count = point.count() as f64;
            add_histogram(table, name, borrowed(&labels), count, number(point.sum()));
        }),
        MetricData::ExponentialHistogram(_) => panic!("an exponential histogram"),
    }
}

/// Returns the steps in an order that depends on the seed.
fn order(seed: usize) -> Vec<Step> {
    let mut steps = STEPS.to_vec();
    let (rotation, at) = (seed % STEPS.len(), seed * 5 % STEPS.len());
    steps.rotate_left(rotation);
    steps.swap(0, at);
    steps
}

/// Runs all steps, and compares what was counted.
fn compare(seed: usize) {
    let mut observed = Observed::new();
    let steps = order(seed);
    let world = Rc::clone(&observed.world);
    world.sim.run(async {
        for step in &steps {
            observed.run(*step).await;
        }
    });
    let table = observed.recorded();
    for (name, other) in [
        ("OpenTelemetry", observed.exported()),
        ("Prometheus", observed.scraped()),
    ] {
        assert_eq!(
            other, table,
            "{name} counts other than the sink, after {steps:?}"
        );
    }
    // What the callers saw.
    let mut calls = BTreeMap::new();
    for ((method, code), number) in &observed.ended {
        let labels = format!("{{grpc.method={method}, grpc.status={code}}}");
        calls.insert(
            format!("#grpc.client.call.duration{labels}"),
            *number as f64,
        );
    }
    let is_call = |name: &str| name.starts_with("#grpc.client.call.duration");
    let counted: Table = table
        .clone()
        .into_iter()
        .filter(|(name, _)| is_call(name))
        .collect();
    assert_eq!(counted, calls, "{steps:?}");
    // What the backends saw.
    let mut attempts: Table = Table::new();
    for call in observed.backends.iter().flat_map(Backend::received) {
        let method = call.path.trim_start_matches('/');
        let name = format!("grpc.client.attempt.started{{grpc.method={method}}}");
        *attempts.entry(name).or_default() += 1.0;
    }
    let is_attempt = |name: &str| name.starts_with("grpc.client.attempt.started");
    let counted: Table = table
        .clone()
        .into_iter()
        .filter(|(name, _)| is_attempt(name))
        .collect();
    assert_eq!(counted, attempts, "{steps:?}\n{table:#?}");
    // The backends echo messages of 5 bytes.
    for (name, number) in &table {
        let is_size = name.starts_with("#grpc.client.attempt.rcvd") && name.contains("=OK}");
        if is_size {
            let sum = table[&name.replacen('#', "+", 1)];
            assert_eq!(sum, 5.0 * number, "{name}");
        }
    }
    // What the network has, and what channelz shows of it.
    let open = observed.world.sim.net().connections() as f64;
    assert_eq!(
        table["grpc.subchannel.open_connections{}"], open,
        "{steps:?}"
    );
    let enforced = "grpc.lb.outlier_detection.ejections_enforced\
                    {grpc.lb.outlier_detection.detection_method=failure_percentage}";
    assert_eq!(table[enforced], 1.0, "{steps:?}");
    for gauge in ["calls.open", "attempts.waiting"] {
        assert_eq!(
            table[&format!("trunkline.client.{gauge}{{}}")],
            0.0,
            "{gauge}"
        );
    }
    let ended = |code: Option<bool>| {
        let is_it = |of: &str| code.is_none_or(|is_ok| is_ok == (of == "OK"));
        let ended = observed.ended.iter().filter(|((_, of), _)| is_it(of));
        i64::try_from(ended.map(|(_, number)| number).sum::<u64>()).expect("a count")
    };
    world.sim.run(async {
        let shown = world.only_channel().await;
        let data = shown.data.as_ref().expect("data");
        assert_eq!(
            (data.calls_started, data.calls_succeeded, data.calls_failed),
            (ended(None), ended(Some(true)), ended(Some(false)))
        );
        let mut by_backend = BTreeMap::new();
        let mut sockets = 0;
        for subchannel in &shown.subchannel_ref {
            let id = subchannel.subchannel_id;
            let subchannel = world.get_subchannel(id).await.expect("a subchannel");
            let data = subchannel.data.as_ref().expect("data");
            by_backend.insert(data.target.clone(), data.calls_started);
            sockets += subchannel.socket_ref.len();
        }
        let received = observed.backends.iter().map(|backend| {
            let calls = i64::try_from(backend.calls()).expect("a count");
            (backend.address().to_string(), calls)
        });
        assert_eq!(by_backend, received.collect(), "{steps:?}");
        assert_eq!(sockets as f64, open);
    });
    // Nothing is left of a channel that is closed.
    world.sim.run(observed.channel.close(SECOND));
    let table = observed.recorded();
    assert_eq!(observed.exported(), table);
    assert_eq!(observed.scraped(), table);
    for gauge in [
        "grpc.subchannel.open_connections",
        "trunkline.client.calls.open",
    ] {
        assert_eq!(table[&format!("{gauge}{{}}")], 0.0, "{gauge}");
    }
}

/// In eight orders of the steps, all counts are equal.
#[test]
fn all_count_the_same() {
    (0..8).for_each(compare);
}
