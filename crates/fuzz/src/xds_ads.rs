//! Responses of xDS servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use trunkline_xds::core::ads::{AdsClient, AdsOutput, StreamId, Update, read_response};
use trunkline_xds::core::{Bootstrap, Decoder, ResourceType, ServerConfig};
use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};

use crate::input::Input;
use crate::xds_resources::POLICIES;

/// The names that are watched, of each type.
const NAMES: [&str; 3] = ["a", "b", "orders"];

/// The longest text of a NACK.
const LONGEST_NACK: usize = 8 * 1024;

/// How long the answer may wait to a response that is refused again.
const SECOND: Duration = Duration::from_secs(1);

/// The first byte chooses the type, the others are a response, which is read as protobuf has it. Each
/// response is answered once, the text of a NACK is bounded, and the same response again changes nothing.
pub fn xds_ads(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = ResourceType::ALL[usize::from(input.below(4))];
    let message = Bytes::copy_from_slice(data.get(1..).unwrap_or_default());
    let Ok(mut response) = read_response(&message) else {
        return;
    };
    if let Ok(mut decoded) = DiscoveryResponse::decode(message) {
        for error in &mut decoded.resource_errors {
            if let Some(detail) = &mut error.error_detail {
                detail.details.clear();
            }
        }
        assert_eq!(response, decoded);
    }
    response.type_url = kind.url().to_owned();
    let mut run = Run::new();
    let first = run.handle(response.clone());
    let Some(first) = first else {
        // The stream was given up: the version or the nonce was too long.
        assert!(response.version_info.len().max(response.nonce.len()) > 16 * 1024);
        return;
    };
    let again = run.handle(response.clone()).expect("the same answer");
    assert_eq!(again.updates, []);
    for answered in [first, again] {
        let [request] = &*answered.requests else {
            panic!("{} answers", answered.requests.len());
        };
        assert_eq!(request.response_nonce, response.nonce);
        assert_eq!(request.resource_names, NAMES);
        match &request.error_detail {
            Some(error) => {
                assert_eq!(request.version_info, "");
                assert!(error.message.len() <= LONGEST_NACK);
            }
            None => assert_eq!(request.version_info, response.version_info),
        }
    }
}

/// A client with one stream.
struct Run {
    client: AdsClient,
    stream: StreamId,
    now: Instant,
}

/// What follows from a response.
#[derive(Default)]
struct Answered {
    requests: Vec<DiscoveryRequest>,
    updates: Vec<Update>,
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn new() -> Self {
        let now = Instant::now();
        let bootstrap = Bootstrap::new(ServerConfig::insecure("dns:///plane:18000"));
        let decoder = Arc::new(Decoder::new(POLICIES.clone()));
        let mut client = AdsClient::new(Arc::new(bootstrap), Node::default(), decoder, 1);
        for kind in ResourceType::ALL {
            for name in NAMES {
                client.watch(kind, name);
            }
        }
        let mut stream = None;
        while let Some(output) = client.poll_output(now) {
            if let AdsOutput::StartStream { stream: started } = output {
                stream = Some(started);
            }
        }
        Self {
            client,
            stream: stream.expect("a stream starts with the first watch"),
            now,
        }
    }

    /// Returns what follows from a response within a second; `None` if the stream is given up.
    fn handle(&mut self, response: DiscoveryResponse) -> Option<Answered> {
        self.client.handle_message(self.stream, response, self.now);
        let mut answered = Answered::default();
        let mut is_read = self.perform(&mut answered)?;
        // The answer waits to a response that is refused for the second time.
        let due = self.client.poll_timeout();
        if let Some(due) = due.filter(|due| *due <= self.now + SECOND) {
            self.now = due;
            self.client.handle_timeout(due);
            is_read |= self.perform(&mut answered)?;
        }
        assert!(is_read, "the next message is read");
        Some(answered)
    }

    /// Performs the actions of the client. Returns whether the next message is read; `None` if the
    /// stream is given up.
    fn perform(&mut self, answered: &mut Answered) -> Option<bool> {
        let mut is_read = false;
        while let Some(output) = self.client.poll_output(self.now) {
            match output {
                AdsOutput::Send { request, .. } => answered.requests.push(*request),
                AdsOutput::Deliver(delivery) => {
                    self.client.handle_settled(delivery.id);
                    answered.updates.push(delivery.update);
                }
                AdsOutput::Read { .. } => is_read = true,
                AdsOutput::EndStream { .. } => return None,
                _ => {}
            }
        }
        Some(is_read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use prost::Message;
    use trunkline_xds::core::ResourceType;
    use trunkline_xds::core::ads::Update;
    use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

    use super::Run;

    /// The corpus has valid resources of each type, so that damaged inputs begin near to them.
    #[test]
    fn the_corpus_has_valid_resources() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/xds_ads");
        for (index, name) in ["listener_wrapped", "routes", "cluster", "endpoints"]
            .into_iter()
            .enumerate()
        {
            let data = fs::read(corpus.join(name)).expect("a file");
            assert_eq!(usize::from(data[0]), index);
            let mut response = DiscoveryResponse::decode(&data[1..]).expect("a response");
            response.type_url = ResourceType::ALL[index].url().to_owned();
            let updates = Run::new().handle(response).expect("an answer").updates;
            let is_valid = |update: &Update| matches!(update, Update::Changed(Ok(_)));
            assert!(updates.iter().any(is_valid), "{name}: {updates:?}");
        }
    }
}
