//! 8.1: watches, responses, breaks and slow watchers in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_backoff::Rng;
use trunkline_status::{Code, Status};
use trunkline_xds::core::ads::{
    AdsClient, AdsOutput, DeliveryId, LinkId, NoFallback, StreamId, Update, WatchId,
};
use trunkline_xds::core::resources::Resource;
use trunkline_xds::core::{
    Authority, AuthorityName, Bootstrap, ResourceErrorKind, ResourceType, ServerConfig,
    ServerFeatures,
};
use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryRequest;

use super::driver::{TextDecoder, resource_error, response, server, start};

/// Returns the names that may be watched: some have an authority of their own.
fn names(kind: ResourceType) -> Vec<String> {
    let old = ["a", "b", "c", "d"].map(str::to_owned);
    let of_mesh = ["e", "f"].map(|id| format!("xdstp://mesh/{}/{id}", kind.message_name()));
    old.into_iter().chain(of_mesh).collect()
}

fn authority(name: &str) -> AuthorityName {
    if name.starts_with("xdstp:") {
        AuthorityName::Named("mesh".into())
    } else {
        AuthorityName::Old
    }
}

/// A server as it sees one stream.
#[derive(Debug)]
struct ServerStream {
    id: StreamId,
    /// Whether the client allows the next message.
    is_read: bool,
    requests: usize,
    types: BTreeMap<ResourceType, ServerType>,
    /// The types whose responses wait for an answer, with their nonces.
    unanswered: Vec<(ResourceType, String)>,
    /// The requests that were sent and not reported as written.
    unwritten: usize,
}

#[derive(Debug, Default)]
struct ServerType {
    names: BTreeSet<String>,
    nonce: String,
}

/// What a watcher knows.
#[derive(Debug, Default)]
struct Known {
    value: Option<Resource>,
    has_error: bool,
}

struct World {
    client: AdsClient,
    now: Instant,
    rng: Rng,
    nonces: u64,
    watches: BTreeMap<WatchId, (ResourceType, String)>,
    known: BTreeMap<WatchId, Known>,
    links: BTreeMap<LinkId, Arc<ServerConfig>>,
    streams: BTreeMap<LinkId, ServerStream>,
    unsettled: Vec<(DeliveryId, LinkId)>,
    /// The link whose message is being handled, and the watches that it can have changed.
    cause: Option<(LinkId, BTreeSet<WatchId>)>,
    /// Whether watchers start and end watches while they are notified.
    watchers_watch: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let features = ServerFeatures::default()
            .with_fail_on_data_errors(rng.below(2) == 0)
            .with_resource_timer_is_transient_error(rng.below(2) == 0);
        let bootstrap = Bootstrap::new(server("a").with_features(features))
            .with_fallback(server("b"))
            .with_fallback(server("c").with_features(features))
            // It shares a server, which is the first one here and the second one there.
            .with_authority(
                "mesh",
                Authority::new()
                    .with_server(server("b"))
                    .with_server(server("d"))
                    .with_fallback_on_reachability_only(rng.below(2) == 0),
            );
        let client = AdsClient::new(
            Arc::new(bootstrap),
            Node {
                id: "n1".to_owned(),
                ..Node::default()
            },
            Arc::new(TextDecoder::default()),
            seed,
        );
        Self {
            client,
            now: start(),
            rng,
            nonces: 0,
            watches: BTreeMap::new(),
            known: BTreeMap::new(),
            links: BTreeMap::new(),
            streams: BTreeMap::new(),
            unsettled: Vec::new(),
            cause: None,
            watchers_watch: true,
        }
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.rng.below(100) < percent
    }

    fn any_type(&mut self) -> ResourceType {
        ResourceType::ALL[self.rng.below(4)]
    }

    fn any_stream(&mut self) -> Option<StreamId> {
        let streams: Vec<StreamId> = self.streams.values().map(|stream| stream.id).collect();
        (!streams.is_empty()).then(|| streams[self.rng.below(streams.len())])
    }

    fn watch(&mut self) {
        let kind = self.any_type();
        let mut names = names(kind);
        let name = names.swap_remove(self.rng.below(names.len()));
        let watch = self.client.watch(kind, &name);
        self.watches.insert(watch, (kind, name));
        self.known.insert(watch, Known::default());
    }

    fn unwatch(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        let at = self.rng.below(self.watches.len());
        let watch = *self.watches.keys().nth(at).expect("a watch");
        self.watches.remove(&watch);
        self.known.remove(&watch);
        self.unsettled.retain(|(id, _)| id.watch() != watch);
        self.client.unwatch(watch);
    }

    fn settle(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let at = self.rng.below(self.unsettled.len());
        let (id, _) = self.unsettled.swap_remove(at);
        self.client.handle_settled(id);
    }

    /// A server sends some of what it was asked for, and some of what it was not.
    fn respond(&mut self) {
        let Some(id) = self.any_stream() else {
            return;
        };
        let kind = self.any_type();
        let mut texts = Vec::new();
        let mut errors = Vec::new();
        for name in names(kind) {
            match self.rng.below(10) {
                0..=4 => texts.push(format!("{name}={}", self.rng.below(3))),
                5 => texts.push(format!("{name}=bad")),
                6 => errors.push(resource_error(&name, Code::NotFound, "no")),
                7 => errors.push(resource_error(&name, Code::Internal, "no")),
                _ => {}
            }
        }
        self.rng.shuffle(&mut texts);
        let stream = self.streams.get_mut(&id.link()).expect("a stream");
        if !stream.is_read {
            return;
        }
        stream.is_read = false;
        self.nonces += 1;
        let nonce = format!("n{}", self.nonces);
        if stream.types.contains_key(&kind) {
            stream.unanswered.push((kind, nonce.clone()));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut response = response(kind, &format!("v{nonce}"), &nonce, &texts);
        response.resource_errors = errors;
        self.cause = Some((id.link(), self.watches.keys().copied().collect()));
        self.client.handle_message(id, response, self.now);
    }

    fn break_stream(&mut self) {
        let Some(id) = self.any_stream() else {
            return;
        };
        self.streams.remove(&id.link());
        let status = Status::unavailable("broken");
        self.client.handle_stream_ended(id, &status, self.now);
    }

    fn write(&mut self) {
        let Some(id) = self.any_stream() else {
            return;
        };
        let stream = self.streams.get_mut(&id.link()).expect("a stream");
        if stream.unwritten > 0 {
            stream.unwritten -= 1;
            self.client.handle_written(id, self.now);
        }
    }

    fn pass(&mut self) {
        self.now += Duration::from_millis(self.rng.below(8000) as u64);
        self.client.handle_timeout(self.now);
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..=19 => self.watch(),
            20..=31 => self.unwatch(),
            32..=49 => self.settle(),
            50..=69 => self.respond(),
            70..=73 => self.break_stream(),
            74..=76 => {
                if let Some(stream) = self.any_stream() {
                    self.client.handle_connect_failed(stream.link(), "refused");
                }
            }
            77..=89 => self.write(),
            _ => self.pass(),
        }
        self.perform();
        self.check();
    }

    fn perform(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output(self.now) {
            outputs += 1;
            assert!(outputs < 10_000, "the outputs do not end");
            match output {
                AdsOutput::Connect { link, server } => {
                    assert!(!self.links.values().any(|other| *other == server));
                    self.links.insert(link, server);
                }
                AdsOutput::Disconnect { link } => {
                    assert!(self.links.remove(&link).is_some());
                    self.streams.remove(&link);
                }
                AdsOutput::StartStream { stream } => self.start(stream),
                AdsOutput::EndStream { .. } => unreachable!("the servers keep the rules"),
                AdsOutput::Send { stream, request } => self.take_request(stream, &request),
                AdsOutput::Read { stream } => self.allow(stream),
                AdsOutput::Deliver(delivery) => {
                    let watch = delivery.id.watch();
                    assert_eq!(
                        self.watches.get(&watch),
                        Some(&(delivery.kind, delivery.name.to_string())),
                        "an open watch, and its resource"
                    );
                    self.take_update(watch, delivery.update);
                    match &self.cause {
                        Some((link, watches)) if watches.contains(&watch) => {
                            self.unsettled.push((delivery.id, *link));
                        }
                        _ => self.client.handle_settled(delivery.id),
                    }
                    // A callback may watch.
                    if self.watchers_watch && self.chance(10) {
                        self.watch();
                    }
                    if self.watchers_watch && self.chance(5) {
                        self.unwatch();
                    }
                }
                AdsOutput::Event(_) => {}
                _ => unreachable!("no other output"),
            }
        }
        self.cause = None;
    }

    fn start(&mut self, id: StreamId) {
        assert!(self.links.contains_key(&id.link()));
        let stream = ServerStream {
            id,
            is_read: false,
            requests: 0,
            types: BTreeMap::new(),
            unanswered: Vec::new(),
            unwritten: 0,
        };
        let old = self.streams.insert(id.link(), stream);
        assert!(old.is_none(), "one stream a link");
    }

    fn take_request(&mut self, id: StreamId, request: &DiscoveryRequest) {
        let kind = ResourceType::from_url(&request.type_url).expect("a known type");
        let stream = self.streams.get_mut(&id.link()).expect("an open stream");
        assert_eq!(stream.id, id);
        // 2.3: the node is in the first request alone.
        assert_eq!(request.node.is_some(), stream.requests == 0);
        stream.requests += 1;
        stream.unwritten += 1;
        let is_first = !stream.types.contains_key(&kind);
        let state = stream.types.entry(kind).or_default();
        let names: BTreeSet<String> = request.resource_names.iter().cloned().collect();
        // 2.3: all names, sorted; 2.4: never an empty list first.
        assert!(request.resource_names.is_sorted());
        assert!(!names.contains("*"));
        assert!(!(is_first && names.is_empty()), "an empty list first");
        let server = &self.links[&id.link()];
        let dump = self.client.dump();
        let asked: BTreeSet<&AuthorityName> = dump
            .authorities
            .iter()
            .filter(|authority| authority.asked.contains(server))
            .map(|authority| &authority.name)
            .collect();
        let watched: BTreeSet<String> = self
            .watches
            .values()
            .filter(|(watched, name)| *watched == kind && asked.contains(&authority(name)))
            .map(|(_, name)| name.clone())
            .collect();
        assert_eq!(names, watched, "a partial list");
        // 2.3: each response is answered once, in order, with its own nonce.
        match stream.unanswered.first() {
            Some((answered, nonce)) if *answered == kind => {
                assert_eq!(&request.response_nonce, nonce);
                state.nonce.clone_from(nonce);
                stream.unanswered.remove(0);
            }
            _ => {
                assert_eq!(request.response_nonce, state.nonce);
                assert_eq!(request.error_detail, None);
                assert_ne!(names, state.names, "a request without a reason");
            }
        }
        state.names = names;
    }

    fn allow(&mut self, id: StreamId) {
        // 2.16: all watchers of the last message have settled.
        let is_held = self.unsettled.iter().any(|(_, link)| *link == id.link());
        assert!(!is_held, "read too early");
        let stream = self.streams.get_mut(&id.link()).expect("an open stream");
        assert_eq!(stream.id, id);
        assert!(!stream.is_read);
        assert_eq!(stream.unanswered, [], "answered before it is read again");
        stream.is_read = true;
    }

    fn take_update(&mut self, watch: WatchId, update: Update) {
        let known = self.known.get_mut(&watch).expect("an open watch");
        match update {
            Update::Changed(Ok(resource)) => {
                assert_ne!(known.value.as_ref(), Some(&resource), "no change");
                known.value = Some(resource);
                known.has_error = false;
            }
            Update::Changed(Err(_)) => {
                known.value = None;
                known.has_error = true;
            }
            Update::Ambient(error) => {
                assert!(known.value.is_some(), "doubt on nothing");
                known.has_error = error.is_some();
            }
        }
    }

    /// Checks what is true after all outputs: watchers know what the cache has, and no link is
    /// forgotten.
    fn check(&self) {
        let dump = self.client.dump();
        let mut shown = BTreeMap::new();
        for resource in dump.authorities.iter().flat_map(|all| &all.resources) {
            shown.insert((resource.kind, resource.name.to_string()), resource);
        }
        for (watch, (kind, name)) in &self.watches {
            let known = &self.known[watch];
            let resource = shown[&(*kind, name.clone())];
            let cached = resource.cached.as_ref().map(|cached| &*cached.raw);
            let raw = known.value.as_ref().map(|value| {
                let value = super::driver::value_of(value);
                format!("{name}={value}").into_bytes()
            });
            assert_eq!(
                raw.as_deref(),
                cached,
                "the cache is what watchers were given"
            );
            // 7.2: and the error is the last one, unless no server can be asked.
            if resource.error.is_some() {
                assert!(known.has_error);
            }
            let is_nacked = resource
                .error
                .as_ref()
                .is_some_and(|error| matches!(error.error.kind, ResourceErrorKind::Invalid(_)));
            assert_eq!(is_nacked, resource.state.label(false) == "nacked");
        }
        // 2.13: where all servers have failed, each watcher knows.
        for of_name in &dump.authorities {
            if of_name.no_fallback == Some(NoFallback::ServerWorks) {
                continue;
            }
            assert!(
                of_name.no_fallback.is_some(),
                "a fallback that did not happen"
            );
            for (watch, (_, name)) in &self.watches {
                if authority(name) == of_name.name {
                    assert!(self.known[watch].has_error);
                }
            }
        }
        assert_eq!(
            shown.len(),
            self.watches.values().collect::<BTreeSet<_>>().len(),
            "what is watched is shown, and nothing else"
        );
        assert_eq!(self.links.is_empty(), self.watches.is_empty());
        assert_eq!(dump.servers.len(), self.links.len());
    }

    /// Ends all faults, and checks that every resource arrives.
    fn finish(&mut self) {
        self.watchers_watch = false;
        for _ in 0..200 {
            while !self.unsettled.is_empty() {
                self.settle();
                self.perform();
            }
            let streams: Vec<StreamId> = self.streams.values().map(|stream| stream.id).collect();
            for id in streams {
                for kind in ResourceType::ALL {
                    self.respond_fully(id, kind);
                }
            }
            let Some(next) = self.client.poll_timeout() else {
                break;
            };
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.perform();
        }
        for (watch, known) in &self.known {
            let value = known.value.as_ref().map(super::driver::value_of);
            assert_eq!(value, Some("last"), "{watch} of {:?}", self.watches[watch]);
            assert!(!known.has_error);
        }
    }

    /// A server sends all that it was asked for.
    fn respond_fully(&mut self, id: StreamId, kind: ResourceType) {
        while !self.unsettled.is_empty() {
            self.settle();
            self.perform();
        }
        let Some(stream) = self.streams.get_mut(&id.link()) else {
            return;
        };
        let Some(state) = stream.types.get(&kind) else {
            return;
        };
        assert!(stream.is_read, "a stream that is not read");
        let texts: Vec<String> = state
            .names
            .iter()
            .map(|name| format!("{name}=last"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.nonces += 1;
        let nonce = format!("n{}", self.nonces);
        stream.is_read = false;
        stream.unanswered.push((kind, nonce.clone()));
        self.cause = Some((id.link(), self.watches.keys().copied().collect()));
        let response = response(kind, "last", &nonce, &texts);
        self.client.handle_message(id, response, self.now);
        self.perform();
    }
}

/// 8.1: in any order of events, every response is answered once with its nonce, no list is partial, and
/// watchers know what the cache has. When the faults end, all is well.
#[test]
fn xds_8_1_any_order() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        world.finish();
    }
}

/// 8.1: the same seed gives the same outputs.
#[test]
fn xds_8_1_same_seed_same_run() {
    let run = |seed: u64| {
        let bootstrap = Bootstrap::new(server("a")).with_fallback(server("b"));
        let mut driver = super::driver::Driver::seeded(bootstrap, seed);
        driver.watch(ResourceType::Listener, "l");
        for _ in 0..20 {
            driver.end_stream(0, "no service");
            driver.pass(Duration::from_secs(150));
        }
        driver.take_lines()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8), "the back-off has jitter");
}

/// 10.2: 500 clusters, whose watchers watch and end watches while they are notified, and settle late.
#[test]
fn xds_10_2_500_clusters() {
    let mut driver = super::driver::Driver::new();
    let names: Vec<String> = (0..500).map(|at| format!("cluster-{at}")).collect();
    for name in &names {
        driver.client.watch(ResourceType::Cluster, name);
    }
    driver.run();
    assert_eq!(driver.take_lines().len(), 4, "one request");
    driver.settles = false;
    for round in 1..=3 {
        let texts: Vec<String> = names.iter().map(|name| format!("{name}={round}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let nonce = format!("c{round}");
        driver.send(0, ResourceType::Cluster, "1", &nonce, &texts);
        let lines = driver.take_lines();
        assert_eq!(lines.len(), 501, "500 deliveries, and an ACK");
        // The watch of a cluster's endpoints follows from each delivery.
        for name in &names {
            driver.client.watch(ResourceType::Endpoints, name);
        }
        driver.run();
        assert_eq!(driver.take_lines().len(), usize::from(round == 1));
        driver.settle();
        assert_eq!(driver.take_lines(), ["0.0 read"]);
    }
    driver.send(0, ResourceType::Endpoints, "1", "e", &[]);
    driver.take_lines();
    driver.pass(Duration::from_secs(15));
    assert_eq!(driver.take_lines().len(), 1500, "each watch of endpoints");
}
