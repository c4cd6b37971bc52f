//! Tasks, virtual time, and runs that do not end.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use trunkline_runtime::Runtime;
use trunkline_sim::{Sim, StuckKind};

const MS: Duration = Duration::from_millis(1);

/// The clock moves straight to the next timer: an hour of sleep takes no real time, and exactly an
/// hour of virtual time.
#[test]
fn time_jumps_to_the_next_timer() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let start = runtime.now();
    sim.run(sim.sleep(3_600_000 * MS));
    assert_eq!(runtime.now() - start, 3_600_000 * MS);
    assert_eq!(sim.elapsed(), 3_600_000 * MS);
}

/// Timers fire in the order of their deadlines, and those of one instant in the order in which they
/// were set.
#[test]
fn timers_fire_in_order() {
    let sim = Sim::new(1);
    let fired = Arc::new(Mutex::new(Vec::new()));
    for (name, at) in [("c", 20), ("a", 10), ("d", 20), ("b", 10)] {
        let (runtime, fired) = (sim.runtime(), fired.clone());
        sim.spawn(name, async move {
            runtime.sleep_until(runtime.now() + at * MS).await;
            fired.lock().unwrap().push(name);
        });
    }
    sim.run(sim.sleep(30 * MS));
    assert_eq!(*fired.lock().unwrap(), ["a", "b", "c", "d"]);
}

/// A timer can be moved, polled again after it fired, and unset.
#[test]
fn a_timer_is_set_again() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    sim.run(async {
        let start = runtime.now();
        let mut timer = runtime.timer();
        timer.set(Some(start + 50 * MS));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_fired(cx).is_pending())).await);
        timer.set(Some(start + 5 * MS));
        poll_fn(|cx| timer.poll_fired(cx)).await;
        assert_eq!(runtime.now(), start + 5 * MS);
        poll_fn(|cx| timer.poll_fired(cx)).await;
        timer.set(None);
        let unset = poll_fn(|cx| timer.poll_fired(cx));
        match select(pin!(unset), pin!(sim.sleep(100 * MS))).await {
            Either::Left(_) => panic!("a timer that is not set has fired"),
            Either::Right(_) => assert_eq!(runtime.now(), start + 105 * MS),
        }
    });
}

/// Tasks are polled in the order in which they were woken.
#[test]
fn tasks_run_first_in_first_out() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let order = Arc::new(Mutex::new(Vec::new()));
    for id in 0..4 {
        let order = order.clone();
        runtime.spawn(Box::pin(async move { order.lock().unwrap().push(id) }));
    }
    sim.run(sim.sleep(MS));
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3]);
}

/// A run that nothing can wake is an error that lists the waiting tasks, and names a likely cause.
#[test]
fn a_deadlock_names_the_tasks() {
    let sim = Sim::new(1);
    sim.spawn("the one that waits", pending());
    sim.spawn("the one that ends", async {});
    sim.run(sim.sleep(7 * MS));
    let stuck = sim.try_run(pending::<()>()).unwrap_err();
    assert_eq!(stuck.kind, StuckKind::Deadlock);
    assert_eq!(stuck.tasks, ["task 1 `the one that waits`"]);
    assert_eq!(
        stuck.to_string(),
        "at 7.000 ms: deadlock: the future waits, and nothing is left to wake it; \
         pending tasks: task 1 `the one that waits`; next events: none; \
         what runs outside of the simulation wakes nothing in it: give each channel \
         `.runtime(sim.runtime())`"
    );
}

/// `run` panics with the text of that error.
#[test]
#[should_panic(expected = "deadlock: the future waits")]
fn run_panics_on_a_deadlock() {
    Sim::new(1).run(pending::<()>());
}

/// A run within a run of the same simulation panics.
#[test]
#[should_panic(expected = "a run of a simulation within a run of the same one")]
fn runs_do_not_nest() {
    let sim = Sim::new(1);
    sim.run(async { sim.run(async {}) });
}

/// A run ends at the limit on virtual time, and the error lists the events to come.
#[test]
fn virtual_time_is_bounded() {
    let mut sim = Sim::new(1);
    sim.limit_time(100 * MS);
    let stuck = sim.try_run(sim.sleep(101 * MS)).unwrap_err();
    assert_eq!(stuck.kind, StuckKind::TimeLimit);
    assert_eq!(stuck.events, ["a timer at 101.000 ms"]);
}

/// A task that always wakes itself ends the run at the limit on polls.
#[test]
fn polls_are_bounded() {
    let mut sim = Sim::new(1);
    sim.limit_polls(1000);
    let spins = poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let stuck = sim.try_run(spins).unwrap_err();
    assert_eq!(stuck.kind, StuckKind::PollLimit);
}

/// Tasks that are not complete continue in the next run.
#[test]
fn tasks_outlive_a_run() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let done = Arc::new(Mutex::new(false));
    let theirs = done.clone();
    let task_runtime = runtime.clone();
    runtime.spawn(Box::pin(async move {
        task_runtime.sleep_until(task_runtime.now() + 10 * MS).await;
        *theirs.lock().unwrap() = true;
    }));
    sim.run(sim.sleep(5 * MS));
    assert!(!*done.lock().unwrap());
    sim.run(sim.sleep(6 * MS));
    assert!(*done.lock().unwrap());
}

/// Dropping the simulation drops its tasks, although they hold its runtime.
#[test]
fn tasks_are_dropped_with_the_simulation() {
    let sim = Sim::new(1);
    let (held, runtime) = (Arc::new(()), sim.runtime());
    let theirs = (held.clone(), runtime.clone());
    sim.spawn("holds", async move {
        let (_held, runtime) = theirs;
        runtime.sleep_until(runtime.now() + MS).await;
        pending::<()>().await;
    });
    sim.run(sim.sleep(MS / 2));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(sim);
    assert_eq!(Arc::strong_count(&held), 1);
    // A task that is spawned later is dropped at once.
    let late = held.clone();
    runtime.spawn(Box::pin(async move { drop(late) }));
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Entropy depends on the seed alone.
#[test]
fn entropy_comes_from_the_seed() {
    let seeds = |seed| {
        let runtime: Arc<dyn Runtime> = Sim::new(seed).runtime();
        [runtime.seed(), runtime.seed()]
    };
    assert_eq!(seeds(7), seeds(7));
    assert_ne!(seeds(7), seeds(8));
    assert_ne!(seeds(7)[0], seeds(7)[1]);
}

/// Both sides of a join make progress.
#[test]
fn two_sleeps_overlap() {
    let sim = Sim::new(1);
    sim.run(join(sim.sleep(10 * MS), sim.sleep(20 * MS)));
    assert_eq!(sim.elapsed(), 20 * MS);
}
