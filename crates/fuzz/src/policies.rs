//! Load-balancing policies keep their rules, whatever events they get and in whatever order.

mod calls;
mod choices;
mod list;

mod model;

mod run;

mod checks;
mod end;

mod events;

use self::list::List;
use self::run::Run;
use crate::input::Input;

/// The most events of one input.
const MOST_EVENTS: usize = 32;

/// A policy of the standard registry picks only subchannels that are ready, and its picks match its
/// state. Its state follows from those of its subchannels. It comes to rest, and ignores what came too
/// late or too early. It has no more subchannels than addresses, and requests at most one
/// re-resolution for each event that can end a pass. While it has a list it waits for something, and
/// when all backends fail it tries each of them again and again.
pub fn policies(data: &[u8]) {
    let mut input = Input::new(data);
    let mut run = Run::new(&mut input);
    run.update(List::read(&mut input));
    assert!(
        !run.channel.published.is_empty(),
        "nothing published on the first update"
    );
    for _ in 0..MOST_EVENTS {
        if input.is_empty() {
            break;
        }
        step(&mut run, &mut input);
    }
    run.run_out();
}

/// Hands over one event, and settles the policy unless the next event belongs to the same batch.
fn step(run: &mut Run, input: &mut Input<'_>) {
    let byte = input.byte();
    run.channel.has_more = byte & 0x80 != 0;
    run.event(byte & 0x7f, input);
    run.model.observe(&mut run.channel, run.service.is_some());
    if run.channel.has_more {
        return;
    }
    run.check_rest();
    run.check_pick(input.byte());
    run.check_bounds();
    let list = run.list.as_ref();
    let checks_health = run.service.is_some();
    run.model
        .check(&run.channel, run.choice, list, checks_health);
    run.check_waits();
}
