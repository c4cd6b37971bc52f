//! The alarm, a timer that follows the deadline of a core; and the lock.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use trunkline_runtime::{
    Alarm, BoxFuture, Lock, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};

/// A runtime whose clock the test sets, with a log of the calls for its timers.
#[derive(Clone, Debug)]
struct TestRuntime(Arc<Lock<(Instant, Vec<TimerCall>)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimerCall {
    Make,
    MakeFar,
    Set(Option<Instant>),
}

impl TestRuntime {
    fn advance_to(&self, now: Instant) {
        self.0.lock().0 = now;
    }

    fn log(&self) -> Vec<TimerCall> {
        self.0.lock().1.clone()
    }
}

/// A timer that fires 1 ms before the clock shows its deadline.
struct EarlyTimer(TestRuntime, Option<Instant>);

const EARLY: Duration = Duration::from_millis(1);

impl Timer for EarlyTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.0.0.lock().1.push(TimerCall::Set(deadline));
        self.1 = deadline;
    }

    fn poll_fired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.1 {
            Some(deadline) if deadline <= self.0.now() + EARLY => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Runtime for TestRuntime {
    fn now(&self) -> Instant {
        self.0.lock().0
    }

    fn timer(&self) -> Box<dyn Timer> {
        self.0.lock().1.push(TimerCall::Make);
        Box::new(EarlyTimer(self.clone(), None))
    }

    fn far_timer(&self) -> Box<dyn Timer> {
        self.0.lock().1.push(TimerCall::MakeFar);
        Box::new(EarlyTimer(self.clone(), None))
    }

    fn spawn(&self, _: BoxFuture<()>) {}

    fn fill_entropy(&self, _: &mut [u8]) {}

    fn connect_tcp(&self, _: SocketAddr, _: &TcpOptions) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect_udp(&self, _: SocketAddr, _: &UdpOptions) -> io::Result<Box<dyn UdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn source_address(&self, _: SocketAddr) -> io::Result<IpAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a virtual clock must start somewhere"
)]
fn runtime() -> (TestRuntime, Instant) {
    let start = Instant::now();
    (TestRuntime(Arc::new(Lock::new((start, Vec::new())))), start)
}

fn poll(alarm: &mut Alarm, deadline: Option<Instant>, runtime: &TestRuntime) -> Poll<Instant> {
    alarm.poll(&mut Context::from_waker(Waker::noop()), deadline, runtime)
}

/// Without a deadline no timer is made; the first deadline makes and sets it.
#[test]
fn makes_the_timer_with_the_first_deadline() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::new();
    assert_eq!(poll(&mut alarm, None, &runtime), Poll::Pending);
    assert_eq!(runtime.log(), []);
    let deadline = Some(start + 10 * EARLY);
    assert_eq!(poll(&mut alarm, deadline, &runtime), Poll::Pending);
    assert_eq!(runtime.log(), [TimerCall::Make, TimerCall::Set(deadline)]);
}

/// The same deadline again does not set the timer; another deadline, or none, does.
#[test]
fn sets_the_timer_only_when_the_deadline_changes() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::new();
    let (first, second) = (Some(start + 10 * EARLY), Some(start + 5 * EARLY));
    for deadline in [first, first, second, None, None, second] {
        assert_eq!(poll(&mut alarm, deadline, &runtime), Poll::Pending);
    }
    let set = [first, second, None, second].map(TimerCall::Set);
    assert_eq!(runtime.log()[1..], set);
}

/// How long an alarm for far deadlines has no timer for them.
const TRIAL: Duration = Duration::from_secs(1);

/// A far deadline makes no far timer before the trial is over, and does not fire early.
#[test]
fn makes_the_far_timer_after_a_trial() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::far();
    let far = start + Duration::from_secs(10);
    let trial_end = start + TRIAL;
    let trial = [TimerCall::Make, TimerCall::Set(Some(trial_end))];
    for now in [start, trial_end - 2 * EARLY] {
        runtime.advance_to(now);
        assert_eq!(poll(&mut alarm, Some(far), &runtime), Poll::Pending);
        assert_eq!(runtime.log(), trial);
    }
    let after = [
        TimerCall::Set(None),
        TimerCall::MakeFar,
        TimerCall::Set(Some(far)),
    ];
    // The timer of the trial fires early.
    for now in [trial_end - EARLY, far - 2 * EARLY] {
        runtime.advance_to(now);
        assert_eq!(poll(&mut alarm, Some(far), &runtime), Poll::Pending);
        assert_eq!(runtime.log(), [&trial[..], &after].concat());
    }
    runtime.advance_to(far);
    assert_eq!(poll(&mut alarm, Some(far), &runtime), Poll::Ready(far));
}

/// Other far deadlines do not prolong the trial, and neither do near ones in between. A near deadline
/// fires in the trial, too.
#[test]
fn other_deadlines_do_not_prolong_the_trial() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::far();
    let far = |after: Duration| Some(start + after + Duration::from_secs(10));
    let trial_end = Some(start + TRIAL);
    for after in [0, 1, 2] {
        let after = after * TRIAL / 4;
        runtime.advance_to(start + after);
        assert_eq!(poll(&mut alarm, far(after), &runtime), Poll::Pending);
    }
    let near = start + TRIAL / 2;
    assert_eq!(poll(&mut alarm, Some(near), &runtime), Poll::Ready(near));
    assert_eq!(poll(&mut alarm, far(TRIAL), &runtime), Poll::Pending);
    let mut expected = vec![
        TimerCall::Make,
        TimerCall::Set(trial_end),
        TimerCall::Set(Some(near)),
        TimerCall::Set(trial_end),
    ];
    assert_eq!(runtime.log(), expected);
    runtime.advance_to(start + TRIAL);
    assert_eq!(poll(&mut alarm, far(2 * TRIAL), &runtime), Poll::Pending);
    expected.extend([
        TimerCall::Set(None),
        TimerCall::MakeFar,
        TimerCall::Set(far(2 * TRIAL)),
    ]);
    assert_eq!(runtime.log(), expected);
}

/// After the trial, an alarm for far deadlines has two timers, of which one at most is set.
#[test]
fn takes_another_timer_for_far_deadlines() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::far();
    let first = start + Duration::from_secs(20);
    for now in [start, start + TRIAL] {
        runtime.advance_to(now);
        assert_eq!(poll(&mut alarm, Some(first), &runtime), Poll::Pending);
    }
    let before = runtime.log().len();
    let (near, far) = (start + 2 * TRIAL, start + Duration::from_secs(12));
    for deadline in [Some(near), None, Some(far)] {
        assert_eq!(poll(&mut alarm, deadline, &runtime), Poll::Pending);
    }
    let expected = [
        TimerCall::Set(None),
        TimerCall::Set(Some(near)),
        TimerCall::Set(None),
        TimerCall::Set(Some(far)),
    ];
    assert_eq!(runtime.log()[before..], expected);
    runtime.advance_to(far);
    assert_eq!(poll(&mut alarm, Some(far), &runtime), Poll::Ready(far));
}

/// When the timer fires early, the alarm returns the deadline, so that the core finds it due; when
/// it fires late, the alarm returns the clock's time.
#[test]
fn never_reports_a_time_before_the_deadline() {
    let (runtime, start) = runtime();
    let mut alarm = Alarm::new();
    let deadline = start + 10 * EARLY;
    runtime.advance_to(deadline - EARLY);
    assert_eq!(
        poll(&mut alarm, Some(deadline), &runtime),
        Poll::Ready(deadline)
    );
    let late = deadline + EARLY;
    runtime.advance_to(late);
    assert_eq!(
        poll(&mut alarm, Some(deadline), &runtime),
        Poll::Ready(late)
    );
}

/// After a panic of the thread that holds it, a lock can be locked again.
#[test]
fn a_lock_outlives_a_panic() {
    let lock = Arc::new(Lock::new(1));
    let theirs = Arc::clone(&lock);
    let panicked = std::thread::spawn(move || {
        let mut value = theirs.lock();
        *value = 2;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(*lock.lock(), 2);
    let held = lock.try_lock().expect("an unlocked lock");
    assert_eq!(*held, 2);
    assert!(lock.try_lock().is_none());
}
