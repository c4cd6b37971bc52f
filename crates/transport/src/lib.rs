#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only modules above it.

// The frames that go by, and the facts of a connection that are read from them.
mod codes;

mod go_away;
mod header_list;
mod prefixes;

mod message_limit;
mod messages;
mod settings;
mod unfinished;
mod waiting;

mod coalesce;
mod frames;
mod streams;

// The numbers of a connection.
mod stats;

mod counts;

// How many calls are on a connection at a time, and those that wait.
mod line;

mod admission;

// When a peer that sends or reads nothing is given up.
mod keepalive;
mod stall;

// How large the windows of calls are, and what is asked for.
mod bandwidth;
mod options;

// What PINGs find out.
mod pings;

mod probes;

// What a call is spared that is alone on its connection.
mod held_waker;

mod lone_calls;

// Wakes the task that polls a connection.
mod driver_task;

mod state;

mod handles;

mod error;

// What is between h2 and the byte stream: the buffers, then the traits that h2 needs.
mod buffers;

mod wire;

mod compat;

// What polls a connection.
mod turns;

mod driver;

// One attempt: the body of its request, sending that, waiting for room, and its response.
mod outbound;
mod replay;

mod upload;

mod room;

mod queued;

mod response;

// The handle with which attempts are begun, and the handshake that makes it.
mod connection;

mod handshake;

pub use crate::connection::{Connection, ConnectionEnd, Sent};
pub use crate::driver::ConnectionDriver;
pub use crate::error::{CallError, Fate, HandshakeError, HandshakeErrorKind, Lost, LostReason};
pub use crate::go_away::GoAway;
pub use crate::handshake::{handshake, handshake_in_line};
pub use crate::header_list::header_list_size;
pub use crate::keepalive::KeepaliveOptions;
pub use crate::line::CallLine;
pub use crate::message_limit::{MessageLimit, MessageTooLarge};
pub use crate::messages::{Message, MessageCounter, MessageListener};
pub use crate::options::HttpOptions;
pub use crate::prefixes::MESSAGE_PREFIX;
pub use crate::replay::{ReaderId, ReplayBudget, RequestBody, Reservation};
pub use crate::response::{Incoming, IncomingFrame, ResponseHead};
pub use crate::room::{Candidates, FullConnection, Room, Turn};
pub use crate::stats::ConnectionStats;
pub use crate::upload::Upload;
pub use crate::waiting::{WaitingFor, WaitingStep};
