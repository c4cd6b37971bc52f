//! Runs one round of lookups by c-ares with its event thread, and prints the CPU time of this
//! process per lookup, in nanoseconds. Arguments: `SERVER FIRST LOOKUPS IN-FLIGHT`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use c_ares::{AddrInfoHints, Channel, EventSys, Options};
use rustix::time::{ClockId, clock_gettime};

/// Number of lookups before those that count.
const WARM_UP: usize = 500;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [server, first, lookups, in_flight] = &args[..] else {
        panic!("SERVER FIRST LOOKUPS IN-FLIGHT");
    };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let (first, lookups) = (number(first), number(lookups));
    let in_flight = number(in_flight);
    let mut options = Options::new();
    options
        .set_event_thread(EventSys::Default)
        .set_query_cache_max_ttl(0)
        .set_lookups("b")
        .expect("DNS alone");
    let mut resolver = Channel::with_options(options).expect("a channel");
    resolver.set_servers([server]).expect("a server");

    let warm_up = WARM_UP.min(lookups);
    look_up(&mut resolver, first, warm_up, in_flight);
    let start = cpu_time();
    look_up(&mut resolver, first + warm_up, lookups, in_flight);
    println!("{}", (cpu_time() - start).as_nanos() / lookups as u128);
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time since the start")
}

/// Looks up all names. Each must have two addresses.
fn look_up(resolver: &mut Channel, first: usize, lookups: usize, in_flight: usize) {
    let (done, ended): (Sender<usize>, Receiver<usize>) = channel();
    let hints = AddrInfoHints::default();
    let check = || {
        let count = ended.recv().expect("the event thread");
        assert_eq!(count, 2, "A and AAAA");
    };
    for number in 0..lookups {
        if number >= in_flight {
            check();
        }
        let done = done.clone();
        let name = format!("h{}.bench.test.", first + number);
        resolver.get_addrinfo(&name, None, &hints, move |answer| {
            let count = answer.map_or(0, |answer| answer.nodes().count());
            let _ = done.send(count);
        });
    }
    for _ in 0..lookups.min(in_flight) {
        check();
    }
}
