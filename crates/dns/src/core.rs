//! The core: what a lookup does, without socket, task, lock, clock or random generator.
//!
//! [`ClientState`] is what a client knows between lookups: servers, cached answers, which candidate of
//! the search list had won. It makes the [`Plan`] of a lookup. A [`Lookup`] carries the plan out:
//! tell it what happened with its `handle_*` methods, perform what [`Lookup::poll_output`] says,
//! and hand each [`Report`] back to the memory. A [`TcpConnection`] is what carries the questions of
//! many lookups over TCP.

mod cache;
mod client_state;
mod configuration;
mod cookie;
mod demux;
mod local;
mod lookup;
mod output;
mod plan;
mod random;
mod result;
mod settings;
mod tcp;
mod udp;

pub use self::cache::Cached;
pub use self::client_state::ClientState;
pub use self::configuration::Configuration;
pub use self::demux::{Asker, Delivered, Recipient};
#[cfg(feature = "io")]
pub(crate) use self::local::check_name;
pub use self::local::{Local, local_answer};
pub use self::lookup::Lookup;
pub use self::output::{Output, Report, SocketId};
pub use self::plan::{Plan, Question};
pub use self::result::{Finding, Found, Record, Records, Success};
pub use self::settings::Settings;
pub use self::tcp::{ConnectionEnd, TcpConnection};
pub use self::udp::SharedUdp;
