//! Our client, in a process of its own.

use std::env;
use std::io;

use serde_json::json;
use trunkline::Channel;
use trunkline::xds::Xds;

/// The variable with which a process is such a client. Its value is the target.
pub(crate) const ROLE: &str = "TRUNKLINE_BENCH_XDS";

/// Connects a channel, whose bootstrap is in the environment, and keeps it until the input ends.
pub(crate) fn run() {
    let target = env::var(ROLE).expect("a target");
    let builder = Channel::builder(&target).with(Xds::new()).plaintext();
    let channel = builder.build().expect("a channel");
    println!("{}", json!({"event": "ready"}));
    channel.connect().expect("a channel that is not closed");
    for line in io::stdin().lines() {
        line.expect("a line");
    }
}
