//! Backends: gRPC servers in processes of their own, which count their connections and calls.
//!
//! [`Backend`] is the test's side: it starts a process, talks to it over its standard input and
//! output, and kills it when dropped. It needs no async runtime. [`main`] and [`serve_if_asked`]
//! are the process's side.
//!
//! A backend serves `helloworld.Greeter` and `grpc.health.v1.Health` over plaintext HTTP/2 on
//! 127.0.0.1 and, if the machine has it, on ::1, at the same port. It counts by address family,
//! when a connection is accepted or closed and when a call arrives or is answered. So the counters
//! show what happened at the server, independently of the client.
//!
//! Its health service puts the metadata of a request whose keys begin with `test-` into its text about
//! an unknown service.
//!
//! The process reads one command per line and writes one JSON object per line:
//!
//! | command | answer |
//! |---|---|
//! | (at the start) | `{"ready":{"port":..,"ipv6":..}}` |
//! | `stats` | `{"stats":{"ipv4":{"accepts":..,"closes":..,"calls":..,"answers":..},"ipv6":{..}}}` |
//! | `ipv6 silent` | `{"done":"ipv6 silent"}`: its IPv6 connections are closed (after GOAWAY), and new ones get no answer |
//! | `ipv6 normal` | `{"done":"ipv6 normal"}` |
//! | SIGTERM | accepts no more connections, sends GOAWAY, finishes the calls in flight; then `{"final":{..}}` and exit status 0 |
//! | end of input | exit at once, because the process that started it is gone |

mod counters;
mod options;

mod protocol;

mod process;

mod body;

mod service;

mod backlog;

mod door;

mod serve;

pub use trunkline_sim::IpVersion;

pub use self::counters::{Counters, FamilyCounters};
pub use self::options::Options;
pub use self::process::{Backend, Exit, Program};
pub use self::serve::{main, serve_if_asked};
