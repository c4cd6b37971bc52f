use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use trunkline_runtime::{Runtime, Timer};

shells! {
    a_timer_fires_and_is_set_again
    a_timer_that_is_not_set_is_pending
    sleeps_until
    a_timer_moves_earlier
}

const STEP: Duration = Duration::from_millis(5);
const FAR: Duration = Duration::from_secs(3600);

/// Waits until the timer fires.
async fn fired(timer: &mut dyn Timer) {
    poll_fn(|cx| timer.poll_fired(cx)).await;
}

/// True when the timer is ready now.
async fn is_fired(timer: &mut dyn Timer) -> bool {
    poll_fn(|cx| Poll::Ready(timer.poll_fired(cx).is_ready())).await
}

/// A timer does not fire before its time, stays ready, and can be set again after that.
async fn a_timer_fires_and_is_set_again(runtime: Arc<dyn Runtime>) {
    for mut timer in [runtime.timer(), runtime.far_timer()] {
        for _ in 0..2 {
            let deadline = runtime.now() + STEP;
            timer.set(Some(deadline));
            assert!(!is_fired(&mut *timer).await || runtime.now() >= deadline);
            fired(&mut *timer).await;
            assert!(runtime.now() >= deadline);
            assert!(is_fired(&mut *timer).await);
            timer.set(Some(runtime.now() + FAR));
            assert!(!is_fired(&mut *timer).await);
        }
    }
}

/// Neither a new timer nor a timer that was unset fires.
async fn a_timer_that_is_not_set_is_pending(runtime: Arc<dyn Runtime>) {
    for mut timer in [runtime.timer(), runtime.far_timer()] {
        assert!(!is_fired(&mut *timer).await);
        timer.set(Some(runtime.now()));
        assert!(is_fired(&mut *timer).await);
        timer.set(None);
        assert!(!is_fired(&mut *timer).await);
    }
}

/// A timer that waits for a late deadline can be set to an earlier one.
async fn a_timer_moves_earlier(runtime: Arc<dyn Runtime>) {
    for mut timer in [runtime.timer(), runtime.far_timer()] {
        timer.set(Some(runtime.now() + FAR));
        assert!(!is_fired(&mut *timer).await);
        let deadline = runtime.now() + STEP;
        timer.set(Some(deadline));
        fired(&mut *timer).await;
        assert!(runtime.now() >= deadline);
    }
}

/// A sleep does not end before its time, and ends at once when its time has passed.
async fn sleeps_until(runtime: Arc<dyn Runtime>) {
    let start = runtime.now();
    runtime.sleep_until(start + STEP).await;
    assert!(runtime.now() >= start + STEP);
    runtime.sleep_until(start).await;
}
