//! A page for Prometheus with the metrics of a channel.
//!
//! The two backends are simulated, so the example needs no server: the first one answers UNAVAILABLE
//! once, and the call is retried. In a program of your own, leave out `.runtime(..)`. The page is real: it is
//! served over HTTP on a port of this machine, and the example scrapes it once and prints it.
//!
//! ```sh
//! cargo run -p trunkline-metrics --example prometheus
//! ```

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_metrics::MetricsFacade;
use trunkline_sim::{CallReply, Sim};
use trunkline_telemetry::{LabelKey, Metrics, MetricsOptions, instruments};

const CONFIG: &str = r#"{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }]
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let (metrics, page) = prometheus()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    // A program serves its page for as long as it runs; this one for one scrape.
    let server = thread::spawn(move || serve_once(&listener, &page));
    make_calls(metrics)?;
    print!("{}", scrape(address)?);
    server.join().expect("no panic")?;
    Ok(())
}

/// Returns the metrics of channels, and the page that Prometheus scrapes.
pub(crate) fn prometheus() -> Result<(Metrics, PrometheusHandle), Box<dyn Error>> {
    let mut builder = PrometheusBuilder::new().with_recommended_naming(true);
    for instrument in instruments::ALL {
        if !instrument.buckets.is_empty() {
            let name = Matcher::Full(instrument.name.to_owned());
            builder = builder.set_buckets_for_metric(name, instrument.buckets)?;
        }
    }
    let recorder = builder.build_recorder();
    let page = recorder.handle();
    let options = MetricsOptions::default()
        .with_all_instruments()
        .with_optional_label(LabelKey::DISCONNECT_ERROR);
    let metrics = Metrics::new(MetricsFacade::new(recorder)).with_options(options);
    Ok((metrics, page))
}

/// Makes four calls to two backends, of which one answers UNAVAILABLE once. Returns how many the backends
/// received.
pub(crate) fn make_calls(metrics: Metrics) -> Result<usize, Box<dyn Error>> {
    let sim = Sim::new(1);
    let first: SocketAddr = "198.51.100.1:50051".parse()?;
    let second: SocketAddr = "198.51.100.2:50051".parse()?;
    let overloaded = CallReply::Status {
        code: 14,
        message: "overloaded".to_owned(),
    };
    let first = sim.backend(first);
    first.push_reply(overloaded);
    let second = sim.backend(second);
    let mut channel = Channel::builder("ipv4:198.51.100.1:50051,198.51.100.2:50051")
        .plaintext()
        .default_service_config(CONFIG)
        .runtime(sim.runtime())
        .telemetry(metrics)
        .build()?;
    for _ in 0..4 {
        // A stub of tonic makes such a request.
        let hello = Full::new(Bytes::from_static(b"\0\0\0\0\x05hello"));
        let request = http::Request::post("/orders.Orders/Get")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(hello)?;
        sim.run(async {
            let Ok(response) = channel.call(request).await;
            let Ok(_) = response.into_body().collect().await;
        });
    }
    Ok(first.received().len() + second.received().len())
}

/// Answers one HTTP request with the page.
pub(crate) fn serve_once(listener: &TcpListener, page: &PrometheusHandle) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16 * 1024 {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let body = page.render();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
    let length = body.len();
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Reads the page as Prometheus does.
pub(crate) fn scrape(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    body.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP response"))
}
