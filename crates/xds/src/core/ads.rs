//! The transport protocol (ADS, state of the world): which resources are asked for, from which
//! server, and what watchers are notified of.
//!
//! [`AdsClient`] is the whole; its page has the order of the calls.

// From the ground up: a module uses only those above it.

// Values.
mod event;
mod ids;
mod output;
mod progress;
mod state;

// What reads messages and resources.
mod decoder;
mod message;
mod nack;

// A link: what it asks for, how long it waits, and when it is read.
mod credit;
mod subscription;
mod timers;

mod link;

// A watched resource.
mod entry;

// All links, and all resources of an authority.
mod counts;
mod outbox;

mod links;

mod authority;

mod dump;

mod authorities;

// A response.
mod response;

mod intake;

// All of it.
mod client;

pub use self::authority::NoFallback;
pub use self::client::AdsClient;
pub use self::decoder::ResourceDecoder;
pub use self::dump::{AdsDump, AuthorityDump, CachedDump, ErrorDump, ResourceDump, ServerDump};
pub use self::event::AdsEvent;
pub use self::ids::{DeliveryId, LinkId, StreamId, WatchId};
pub use self::message::{ResponseError, read_response};
pub use self::output::{AdsOutput, Delivery, Update};
pub use self::progress::ServerProgress;
pub use self::state::ResourceState;
