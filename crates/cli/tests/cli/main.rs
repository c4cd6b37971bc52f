//! Tests of the command, run as scripts and people run it.

mod call;
mod command;
mod connect;
mod health;
mod help;
mod hostile;
mod lb;
mod life;
mod limits;
mod metadata;
mod outside_texts;
mod plane;
mod proxy;
mod raw_peer;
mod resolve;
mod target;
mod tls;
mod watch;
mod xds;
mod xds_security;

/// Serves as a backend when another test starts this binary as one; otherwise does nothing.
#[test]
fn backend_process() {
    trunkline_testkit::backend::serve_if_asked();
}
