//! Applying a response to the watched resources.

use std::sync::Arc;
use std::time::Instant;

use trunkline_status::Code;
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryResponse, ResourceError};
use trunkline_xds_proto::google::protobuf::Any;

use super::authorities::{Authorities, Names};
use super::decoder::ResourceDecoder;
use super::entry::{Entry, Origin};
use super::link::Link;
use super::nack::{NackText, cut};
use super::response::{Received, received};
use super::state::ResourceState;
use super::subscription::Answer;
use crate::core::names::ResourceName;
use crate::core::resource_error::ResourceErrorKind;
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Fault, Faults};

/// The most bytes of the faults of one resource that are kept.
const LONGEST_FAULTS: usize = 8 * 1024;

/// The most bytes of a server's error that are kept.
const LONGEST_MESSAGE: usize = 1024;

/// What came of a response.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The resources whose watchers may have something to know.
    pub(super) touched: Names,
    pub(super) version: Arc<str>,
    pub(super) valid: u64,
    pub(super) invalid: u64,
    pub(super) nack: Option<String>,
}

/// Applies a response of a type that the link has asked for, and leaves its answer with the link.
pub(super) fn take_in(
    kind: ResourceType,
    response: DiscoveryResponse,
    link: &mut Link,
    authorities: &mut Authorities,
    decoder: &dyn ResourceDecoder,
    now: Instant,
) -> Outcome {
    let mut intake = Intake {
        kind,
        origin: Origin {
            server: Arc::clone(&link.server),
            version: response.version_info.as_str().into(),
            at: now,
        },
        link,
        authorities,
        decoder,
        touched: Names::new(),
        nack: NackText::default(),
        valid: 0,
    };
    let count = response.resources.len();
    let present = intake.take_resources(response.resources);
    let refused = intake.take_errors(response.resource_errors, &present);
    if kind.is_whole_state() {
        intake.delete_others(&present, &refused);
    }
    let invalid = intake.nack.invalid() as u64;
    let nack = intake.nack.finish(count);
    let answer = nack.clone().map_or(Answer::Ack, Answer::Nack);
    let outcome = Outcome {
        touched: intake.touched,
        version: intake.origin.version,
        valid: intake.valid,
        invalid,
        nack,
    };
    link.owe_answer(kind, &response.version_info, response.nonce, answer, now);
    outcome
}

/// A response that is being applied.
struct Intake<'a> {
    kind: ResourceType,
    origin: Origin,
    link: &'a mut Link,
    authorities: &'a mut Authorities,
    decoder: &'a dyn ResourceDecoder,
    touched: Names,
    nack: NackText,
    valid: u64,
}

impl Intake<'_> {
    /// Applies the resources, and returns their names.
    fn take_resources(&mut self, resources: Vec<Any>) -> Names {
        let Some(subscription) = self.link.subscription(self.kind) else {
            return Names::new();
        };
        let received = received(
            self.kind,
            resources,
            subscription,
            self.decoder,
            &mut self.nack,
        );
        let mut present = Names::new();
        for resource in received {
            present.insert(resource.name.clone());
            self.take_resource(resource);
        }
        present
    }

    fn take_resource(&mut self, received: Received) {
        let Self { kind, decoder, .. } = *self;
        let Received { name, bytes, times } = received;
        let origin = self.origin.clone();
        let Some(entry) = self.entry(&name) else {
            return;
        };
        // Equal bytes of another server can mean something else: its trust and its load reports.
        let is_same = entry
            .cached()
            .is_some_and(|cached| cached.raw == bytes && cached.origin.server == origin.server);
        let faults = if times > 1 {
            Err(repeated())
        } else if is_same {
            entry.handle_unchanged(origin);
            Ok(())
        } else {
            let earlier = entry.cached().map(|cached| &cached.resource);
            decoder
                .decode(kind, &bytes, &origin.server, earlier)
                .map(|resource| entry.handle_valid(resource, &bytes, origin))
        };
        match faults {
            Ok(()) => self.valid += 1,
            Err(faults) => {
                self.nack.add(name.as_str(), &faults, times);
                let text = cut(faults.to_string(), LONGEST_FAULTS);
                let error = ResourceErrorKind::Invalid(text.into());
                self.fail(&name, ResourceState::Nacked, error);
            }
        }
        self.touched.insert(name);
    }

    /// Applies the errors of resources that are not in `present`, and returns the names of all.
    fn take_errors(&mut self, errors: Vec<ResourceError>, present: &Names) -> Names {
        let mut refused = Names::new();
        for error in errors {
            let name = error.resource_name.unwrap_or_default().name;
            let Ok(name) = ResourceName::parse(self.kind, &name) else {
                continue;
            };
            if present.contains(&name) || self.entry(&name).is_none() {
                continue;
            }
            let status = error.error_detail.unwrap_or_default();
            let code = u32::try_from(status.code)
                .ok()
                .and_then(Code::from_number)
                .filter(|code| *code != Code::Ok)
                .unwrap_or(Code::Unknown);
            let message = cut(status.message, LONGEST_MESSAGE).into();
            let error = ResourceErrorKind::Received { code, message };
            self.fail(&name, ResourceState::ReceivedError, error);
            self.touched.insert(name.clone());
            refused.insert(name);
        }
        refused
    }

    /// Handles that the response, which has the whole state, does not have some cached resources.
    fn delete_others(&mut self, present: &Names, refused: &Names) {
        for authority in self.authorities.using(self.link.id) {
            for (name, entry) in authority.entries_of(self.kind) {
                if entry.cached().is_none() {
                    continue;
                }
                let Ok(name) = ResourceName::parse(self.kind, name) else {
                    continue;
                };
                if present.contains(&name) || refused.contains(&name) {
                    continue;
                }
                entry.handle_error(
                    ResourceState::DoesNotExist,
                    ResourceErrorKind::Deleted,
                    self.origin.clone(),
                );
                self.touched.insert(name);
            }
        }
    }

    fn fail(&mut self, name: &ResourceName, state: ResourceState, error: ResourceErrorKind) {
        let origin = self.origin.clone();
        if let Some(entry) = self.entry(name) {
            entry.handle_error(state, error, origin);
        }
    }

    /// Returns the entry of a resource that this link has asked for, and stops its timer.
    fn entry(&mut self, name: &ResourceName) -> Option<&mut Entry> {
        let subscription = self.link.subscription(self.kind)?;
        if !subscription.has(name.as_str()) {
            return None;
        }
        self.link.stop_timer(self.kind, name.as_str());
        self.authorities.entry(self.kind, name)
    }
}

/// Returns the fault of a resource that is in a response more than once.
fn repeated() -> Faults {
    Faults::from_iter([Fault {
        field: String::new(),
        text: "appears twice".to_owned(),
    }])
}
