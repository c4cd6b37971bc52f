//! What a client does with the messages of its streams.

use std::sync::Arc;
use std::time::Instant;

use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::AdsClient;
use crate::core::ads::authorities::Names;
use crate::core::ads::event::AdsEvent;
use crate::core::ads::ids::StreamId;
use crate::core::ads::intake::take_in;
use crate::core::ads::nack::cut;
use crate::core::ads::output::AdsOutput;
use crate::core::resource_type::ResourceType;

/// The most bytes of a version or a nonce. Both are kept, and sent back.
const LONGEST_VERSION: usize = 16 * 1024;

/// The most bytes of a type URL in an event.
const LONGEST_TYPE_URL: usize = 200;

impl AdsClient {
    /// Handles a message of a stream.
    pub fn handle_message(&mut self, stream: StreamId, response: DiscoveryResponse, now: Instant) {
        let Some(link) = self.links.of_stream(stream) else {
            return;
        };
        link.handle_message(now);
        if response.version_info.len().max(response.nonce.len()) > LONGEST_VERSION {
            let text: Arc<str> =
                format!("it sent a version or a nonce of more than {LONGEST_VERSION} bytes").into();
            self.outbox.push(AdsOutput::EndStream { stream });
            if link.handle_stream_failed(&text, now) {
                let server = Arc::clone(&link.server);
                self.outbox.report(AdsEvent::Failed { server, text });
            }
            return;
        }
        if link.handle_response() {
            self.outbox.report(AdsEvent::Connected {
                server: Arc::clone(&link.server),
            });
        }
        let reached =
            self.authorities
                .handle_response(stream.link, &mut self.links, &mut self.outbox);
        let touched = self.take_response(stream, response, now);
        self.authorities
            .deliver(touched, &reached, stream.link, &mut self.outbox);
    }

    /// Applies a message that is a response to a request of its stream. Returns the resources
    /// that it touched.
    fn take_response(
        &mut self,
        stream: StreamId,
        response: DiscoveryResponse,
        now: Instant,
    ) -> Option<(ResourceType, Names)> {
        let link = self.links.get_mut(stream.link)?;
        let kind = ResourceType::from_url(&response.type_url);
        let Some(kind) = kind.filter(|kind| link.was_requested(*kind)) else {
            self.outbox.report(AdsEvent::ResponseIgnored {
                server: Arc::clone(&link.server),
                type_url: cut(response.type_url, LONGEST_TYPE_URL),
            });
            return None;
        };
        if link.hurry_answer(kind) {
            // The response before this one is answered by itself.
            self.send(now);
        }
        let link = self.links.get_mut(stream.link)?;
        self.counts.handle_change();
        let outcome = take_in(
            kind,
            response,
            link,
            &mut self.authorities,
            &*self.decoder,
            now,
        );
        self.outbox.report(AdsEvent::Response {
            server: Arc::clone(&link.server),
            kind,
            version: outcome.version,
            valid: outcome.valid,
            invalid: outcome.invalid,
            nack: outcome.nack.map(Arc::from),
        });
        Some((kind, outcome.touched))
    }
}
