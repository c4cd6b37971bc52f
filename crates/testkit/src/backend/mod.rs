//! Backends: gRPC servers in processes of their own, which count what reaches them.
//!
//! [`Backend`] is the side of the test: it starts a process, talks to it over its standard input
//! and output, and ends it when dropped. It needs no async runtime. [`main`] and [`serve_if_asked`]
//! are the side of the process.
//!
//! A backend serves `helloworld.Greeter` and `grpc.health.v1.Health` over plaintext HTTP/2 on
//! 127.0.0.1 and, where there is one, on ::1, at the same port. It counts by address family, at the
//! moment when a connection is accepted or closed and when a call comes in or is answered: what it
//! says is what happened, whatever the client thinks of it.
//!
//! The process reads one command a line and writes one JSON object a line:
//!
//! | command | answer |
//! |---|---|
//! | (at the start) | `{"ready":{"port":..,"ipv6":..}}` |
//! | `stats` | `{"stats":{"ipv4":{"accepts":..,"closes":..,"calls":..,"answers":..},"ipv6":{..}}}` |
//! | `ipv6 silent` | `{"done":"ipv6 silent"}`: its IPv6 connections are closed (GOAWAY first) and new ones get no answer |
//! | `ipv6 normal` | `{"done":"ipv6 normal"}` |
//! | SIGTERM | no more connections, GOAWAY, what is in flight is finished; then `{"final":{..}}` and exit status 0 |
//! | end of input | exit at once: whoever started it is gone |

mod backlog;
mod body;
mod counters;
mod door;
mod options;
mod process;
mod protocol;
mod serve;
mod service;

pub use self::counters::{Counters, Family, FamilyCounters};
pub use self::options::Options;
pub use self::process::{Backend, Exit, Program};
pub use self::serve::{main, serve_if_asked};
