#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a group uses only the groups above it.

// The extensions of a request, and the error of building a channel.
mod error;
mod extensions;

// Metadata that proves for whom a call is made.
mod credentials;

// The decisions, without runtime, lock and clock.
mod core;

// What the following groups share.
mod observer;

mod grpc;
mod throttle;

mod open_calls;

mod call_timer;
mod queue;
mod record;
mod shared;

// What an inspection of a channel shows.
mod inspect;

// The control path: one task per channel.
mod control;

#[cfg(feature = "tracing")]
mod spans;

// What the clones of a channel hold.
mod handle;

// The data path: each call.
mod call;

// The public types that an application starts with.
mod channel;
mod weak;

mod observer_factory;
mod security_layer;

mod builder;

pub use crate::builder::ChannelBuilder;
pub use crate::builder::extension::ChannelExtension;
pub use crate::call::body::Body;
pub use crate::channel::{Channel, ResponseFuture};
pub use crate::control::closing::Closed;
pub use crate::core::address_fate::{AddressFate, AddressOutcome};
pub use crate::core::config::ServiceConfigOrigin;
pub use crate::core::connections::ConnectionId;
pub use crate::core::event::ChannelEvent;
pub use crate::core::event_text::EventLevel;
pub use crate::core::failure::{
    ConnectFailure, ConnectFailureKind, ConnectPhase, ConnectionLost, ConnectionLostReason,
};
pub use crate::credentials::{
    BearerToken, CallCredentials, CredentialsRequest, WithCallCredentials,
};
pub use crate::error::{BuildError, BuildErrorKind};
pub use crate::extensions::{CallAttributes, WaitForReady};
pub use crate::grpc::{Messages, with_prefix};
pub use crate::inspect::connection::{ConnectionInspection, ConnectionSecurity, TlsInspection};
pub use crate::inspect::inspection::{ChannelLife, Inspection};
pub use crate::inspect::options::InspectOptions;
pub use crate::inspect::parts::{
    AnswerInspection, CallsInspection, EndpointInspection, ErrorInspection, EventInspection,
    InspectionPage, ResolverInspection, ServiceConfigInspection,
};
pub use crate::inspect::subchannel::{
    ConnectingStep, FailureInspection, LossInspection, SubchannelInspection, SubchannelStage,
};
pub use crate::observer::{
    AttemptEnded, AttemptSent, AttemptStarted, CallEnded, CallStarted, CallTrace, Direction,
    Interests, MessageFact, Observer, SentTo,
};
pub use crate::observer_factory::{ChannelIdentity, ObserverFactory};
pub use crate::queue::QueueLimits;
pub use crate::security_layer::SecurityLayer;
pub use crate::shared::ChannelId;
pub use crate::weak::WeakChannel;
