//! The core: what a lookup does, without socket, task, lock, clock or random generator.
//!
//! - [`Configuration`] holds the configuration and what its files contained. Its [`Settings`] are
//!   the values that follow.
//! - [`ClientState`] is what a client knows between lookups: servers, cached answers, which
//!   candidate of the search list had records. It makes the [`Plan`] of a lookup.
//! - A [`Lookup`] carries out a plan: report events with its `handle_*` methods, perform each
//!   [`LookupOutput`], and hand each [`Report`] to the client's state.
//! - [`Flights`] are the lookups under way, which several callers may wait for.
//! - [`SharedUdp`] and [`TcpConnection`] are sockets that several lookups share.
//!
//! The words of the core: a *candidate* is an absolute name that is tried for the name of the
//! caller, by the search list. A *request* has the name and the types of records that a caller
//! wants; a *question* asks for one type of records of one candidate. An *exchange* is one query to
//! one server, with its copies, until the reply or the timeout. A *round* asks every server of the
//! list. A failure is *soft* where no server gave a usable answer, so that a later lookup may
//! succeed. A *flight* is a lookup that several callers wait for, an *asker* is a user of a shared
//! socket.
//!
//! When a server is asked without EDNS is decided in `edns_fallback.rs`, beside this module, since
//! the reading of replies needs it too.

// From the ground up: a module uses only those above it.

// Modules that do not use each other.
mod cache;
mod cookie;
mod demux;
mod random;

// Values that go in and out; the shared sockets.
mod output;
mod plan;
mod result;
mod tcp;
mod udp;

// The values of the configuration; names that need no server.
mod local;
mod settings;

// What a client keeps between lookups.
mod client_state;
mod configuration;
mod flights;

// One lookup.
mod lookup;

pub use self::cache::Cached;
pub use self::client_state::ClientState;
pub use self::configuration::Configuration;
pub use self::demux::{Asker, Delivered, Recipient};
#[cfg(feature = "io")]
pub(crate) use self::flights::MAX_FLIGHTS;
pub use self::flights::{Flights, Ticket};
#[cfg(feature = "io")]
pub(crate) use self::local::check_name;
pub use self::local::{Local, local_answer, to_ascii};
pub use self::lookup::Lookup;
pub use self::output::{LookupOutput, Report, SocketId};
pub use self::plan::{LookupRequest, Plan};
pub use self::result::{Finding, Found, Record, Records, Success};
pub use self::settings::Settings;
pub use self::tcp::{ConnectionEnd, TcpConnection};
pub use self::udp::SharedUdp;
