//! A shell that performs the outputs of a client at once, and writes a line for each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use trunkline_status::{Code, Status};
use trunkline_xds::core::ads::{
    AdsClient, AdsEvent, AdsOutput, DeliveryId, LinkId, ResourceDecoder, StreamId, Update, WatchId,
};
use trunkline_xds::core::resources::{Fault, Faults, Resource, RouteConfiguration, VirtualHost};
use trunkline_xds::core::{Bootstrap, ResourceType, ServerConfig};
use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::discovery::v3::{
    DiscoveryRequest, DiscoveryResponse, ResourceError, ResourceName,
};
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::google::rpc;

pub(super) use ResourceType::{Cluster, Endpoints, Listener, RouteConfiguration as Routes};

/// Reads resources of the form `name=value`. A value `bad` has a fault, `worse` has two.
///
/// The client does not look into values, so a route configuration is the value of any type.
#[derive(Debug, Default)]
pub(super) struct TextDecoder {
    /// How many resources were decoded.
    decoded: AtomicUsize,
}

impl ResourceDecoder for TextDecoder {
    fn name(&self, _kind: ResourceType, bytes: &[u8]) -> Result<String, String> {
        let text = String::from_utf8_lossy(bytes);
        let (name, _) = text.rsplit_once('=').ok_or("it has no name")?;
        Ok(name.to_owned())
    }

    fn decode(
        &self,
        kind: ResourceType,
        bytes: &[u8],
        _server: &Arc<ServerConfig>,
        _earlier: Option<&Resource>,
    ) -> Result<Resource, Faults> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let name = self.name(kind, bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes);
        // What follows a comma does not change the value.
        let value = text[name.len() + 1..].split(',').next().unwrap_or_default();
        let fault = |field: &str| Fault {
            field: field.to_owned(),
            text: "no domains".to_owned(),
        };
        match value {
            "bad" => Err([fault("virtual_hosts[0].domains")].into_iter().collect()),
            "worse" => Err(["virtual_hosts[0].domains", "virtual_hosts[1].domains"]
                .map(fault)
                .into_iter()
                .collect()),
            value => Ok(resource(&name, value)),
        }
    }
}

fn resource(name: &str, value: &str) -> Resource {
    let host = VirtualHost {
        name: value.into(),
        domains: Vec::new(),
        routes: Vec::new(),
        skipped_routes: Vec::new(),
        filter_overrides: BTreeMap::new(),
    };
    Resource::RouteConfiguration(Arc::new(RouteConfiguration {
        name: name.into(),
        virtual_hosts: vec![Arc::new(host)],
    }))
}

pub(super) fn value_of(resource: &Resource) -> &str {
    match resource {
        Resource::RouteConfiguration(routes) => &routes.virtual_hosts[0].name,
        _ => unreachable!("the decoder makes no other"),
    }
}

/// Returns the short name of a type.
pub(super) fn short(kind: ResourceType) -> &'static str {
    match kind {
        Listener => "LDS",
        Routes => "RDS",
        Cluster => "CDS",
        Endpoints => "EDS",
    }
}

pub(super) fn server(host: &str) -> ServerConfig {
    ServerConfig::insecure(format!("dns:///{host}:18000"))
}

/// A client, and what it asked for.
pub(super) struct Driver {
    pub(super) client: AdsClient,
    decoder: Arc<TextDecoder>,
    pub(super) now: Instant,
    pub(super) start: Instant,
    /// Whether requests are written at once. Else they wait for [`write`](Self::write).
    pub(super) is_connected: bool,
    /// Whether watchers take deliveries at once. Else they wait for [`settle`](Self::settle).
    pub(super) settles: bool,
    /// The current stream of each link.
    streams: BTreeMap<LinkId, StreamId>,
    unwritten: Vec<StreamId>,
    pub(super) unsettled: Vec<DeliveryId>,
    pub(super) events: Vec<AdsEvent>,
    lines: Vec<String>,
}

impl Driver {
    /// Returns a client of one server.
    pub(super) fn new() -> Self {
        Self::with(Bootstrap::new(server("a")))
    }

    pub(super) fn with(bootstrap: Bootstrap) -> Self {
        Self::seeded(bootstrap, 1)
    }

    pub(super) fn seeded(bootstrap: Bootstrap, seed: u64) -> Self {
        let node = Node {
            id: "n1".to_owned(),
            ..Node::default()
        };
        let now = start();
        let decoder = Arc::new(TextDecoder::default());
        Self {
            client: AdsClient::new(Arc::new(bootstrap), node, Arc::clone(&decoder) as _, seed),
            decoder,
            now,
            start: now,
            is_connected: true,
            settles: true,
            streams: BTreeMap::new(),
            unwritten: Vec::new(),
            unsettled: Vec::new(),
            events: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Starts a watch, and performs what follows.
    pub(super) fn watch(&mut self, kind: ResourceType, name: &str) -> WatchId {
        let watch = self.client.watch(kind, name);
        self.run();
        watch
    }

    /// Ends a watch, and performs what follows.
    pub(super) fn unwatch(&mut self, watch: WatchId) {
        self.client.unwatch(watch);
        self.run();
    }

    /// The server of link `link` sends these resources, each `name=value`.
    pub(super) fn send(
        &mut self,
        link: u32,
        kind: ResourceType,
        version: &str,
        nonce: &str,
        resources: &[&str],
    ) {
        self.send_response(link, response(kind, version, nonce, resources));
    }

    pub(super) fn send_response(&mut self, link: u32, response: DiscoveryResponse) {
        let stream = self.stream(link);
        self.client.handle_message(stream, response, self.now);
        self.run();
    }

    /// The server of link `link` ends the stream, or the connection breaks.
    pub(super) fn end_stream(&mut self, link: u32, text: &'static str) {
        let stream = self.stream(link);
        self.unwritten.retain(|other| *other != stream);
        let status = Status::new(Code::Unavailable, text);
        self.client.handle_stream_ended(stream, &status, self.now);
        self.run();
    }

    /// The channel of link `link` is in TRANSIENT_FAILURE.
    pub(super) fn fail_link(&mut self, link: u32, text: &str) {
        let link = self.stream(link).link();
        self.client.handle_connect_failed(link, text);
        self.run();
    }

    /// The connections take all requests, and from now on each at once.
    pub(super) fn write(&mut self) {
        self.is_connected = true;
        for stream in std::mem::take(&mut self.unwritten) {
            self.client.handle_written(stream, self.now);
        }
        self.run();
    }

    /// The watchers take all deliveries.
    pub(super) fn settle(&mut self) {
        for delivery in std::mem::take(&mut self.unsettled) {
            self.client.handle_settled(delivery);
        }
        self.run();
    }

    /// Lets time pass. Lines get the time of what happens meanwhile.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= end) {
            assert!(next > self.now, "a deadline in the past");
            self.now = next;
            self.client.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    /// Returns the current stream of a link.
    pub(super) fn stream(&self, link: u32) -> StreamId {
        let mut streams = self.streams.values();
        *streams
            .find(|stream| stream.link().to_string() == link.to_string())
            .expect("no stream")
    }

    /// Returns the lines since the last time.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Returns how many resources were decoded.
    pub(super) fn decoded(&self) -> usize {
        self.decoder.decoded.load(Ordering::Relaxed)
    }

    /// Compares the lines since the last time.
    #[track_caller]
    pub(super) fn expect(&mut self, expected: &[&str]) {
        assert_eq!(self.take_lines(), expected);
    }

    /// Performs what the client asks for.
    pub(super) fn run(&mut self) {
        while let Some(output) = self.client.poll_output(self.now) {
            let line = match output {
                AdsOutput::Connect { link, server } => format!("{link} connect {}", server.uri),
                AdsOutput::Disconnect { link } => {
                    self.streams.remove(&link);
                    self.unwritten.retain(|stream| stream.link() != link);
                    format!("{link} disconnect")
                }
                AdsOutput::StartStream { stream } => {
                    self.streams.insert(stream.link(), stream);
                    let seconds = (self.now - self.start).as_secs_f64();
                    format!("{stream} start at {seconds:.1} s")
                }
                AdsOutput::EndStream { stream } => {
                    self.unwritten.retain(|other| *other != stream);
                    format!("{stream} end")
                }
                AdsOutput::Send { stream, request } => {
                    if self.is_connected {
                        self.client.handle_written(stream, self.now);
                    } else {
                        self.unwritten.push(stream);
                    }
                    format!("{stream} {}", request_line(&request))
                }
                AdsOutput::Read { stream } => format!("{stream} read"),
                AdsOutput::Deliver(delivery) => {
                    if self.settles {
                        self.client.handle_settled(delivery.id);
                    } else {
                        self.unsettled.push(delivery.id);
                    }
                    format!(
                        "w{} {} {} {}",
                        delivery.id.watch(),
                        short(delivery.kind),
                        delivery.name,
                        update_line(&delivery.update)
                    )
                }
                AdsOutput::Event(event) => {
                    self.events.push(event);
                    continue;
                }
                _ => unreachable!("no other output"),
            };
            self.lines.push(line);
        }
    }
}

fn update_line(update: &Update) -> String {
    match update {
        Update::Changed(Ok(resource)) => value_of(resource).to_owned(),
        Update::Changed(Err(error)) => format!("error: {error}"),
        Update::Ambient(Some(error)) => format!("ambient: {error}"),
        Update::Ambient(None) => "ambient cleared".to_owned(),
    }
}

/// Returns a request as `CDS "version" "nonce" [names] node nack(text)`.
fn request_line(request: &DiscoveryRequest) -> String {
    let kind = ResourceType::from_url(&request.type_url).expect("a known type");
    let mut line = format!(
        "{} {:?} {:?} [{}]",
        short(kind),
        request.version_info,
        request.response_nonce,
        request.resource_names.join(" ")
    );
    if let Some(node) = &request.node {
        line += &format!(" {}", node.id);
    }
    if let Some(error) = &request.error_detail {
        line += &format!(" nack {}: {}", error.code, error.message);
    }
    line
}

pub(super) fn any(kind: ResourceType, text: &str) -> Any {
    Any {
        type_url: kind.url().to_owned(),
        value: text.to_owned().into(),
    }
}

pub(super) fn response(
    kind: ResourceType,
    version: &str,
    nonce: &str,
    resources: &[&str],
) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: version.to_owned(),
        resources: resources.iter().map(|text| any(kind, text)).collect(),
        type_url: kind.url().to_owned(),
        nonce: nonce.to_owned(),
        resource_errors: Vec::new(),
    }
}

/// Returns an error in the place of a resource.
pub(super) fn resource_error(name: &str, code: Code, message: &str) -> ResourceError {
    ResourceError {
        resource_name: Some(ResourceName {
            name: name.to_owned(),
        }),
        error_detail: Some(rpc::Status {
            code: i32::from(code.number()),
            message: message.to_owned(),
            details: Vec::new(),
        }),
    }
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the time at which virtual time starts.
#[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
pub(super) fn start() -> Instant {
    Instant::now()
}
