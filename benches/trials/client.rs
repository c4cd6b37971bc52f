//! The child that makes calls.

use std::io::stdin;
use std::sync::Arc;

use crate::contestant::Contestant;
use crate::greet::greet;
use crate::outcome::END;
use crate::{bystanders, deadlines, leaks};

/// Runs the trials that the parent asks for: a name, its size, and the addresses of the servers.
pub(crate) fn run(contestant: Contestant) {
    // The channels of tonic, and of Trunkline on tokio, run there.
    let tokio = matches!(contestant, Contestant::Tonic | Contestant::Tokio).then(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a tokio runtime")
    });
    let _inside = tokio.as_ref().map(tokio::runtime::Runtime::enter);
    let runtime = contestant.runtime();
    runtime.attach().expect("a runtime");
    let mut kept = Vec::new();
    for line in stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, size, addresses] = words[..] else {
            panic!("an order that makes no sense: {line:?}");
        };
        if name == bystanders::NAME {
            let seconds = size.parse().expect("a number of seconds");
            let greet = Arc::new(greet(contestant, addresses));
            bystanders::run(&runtime, &greet, seconds);
            // It keeps its connections while the parent looks how many were lost.
            kept.push(greet);
        } else if name == leaks::NAME {
            let calls = size.parse().expect("a number of calls");
            leaks::run(contestant, &runtime, addresses, calls);
        } else {
            let calls = size.parse().expect("a number of calls");
            let (late, tonic) = addresses.split_once(',').expect("two servers");
            let (late, tonic) = (greet(contestant, late), greet(contestant, tonic));
            deadlines::run(&runtime, late, tonic, calls);
        }
        println!("{END}");
    }
}
