//! The age of connections, as grpc-go's servers limit it: `MaxConnectionAge` and
//! `MaxConnectionAgeGrace`.

use tonic::Code;
use trunkline_sim::BackendOptions;

use crate::echo::{MS, SECOND, Setup, WAIT, message};

/// At its age, within a tenth, a connection gets GOAWAY and closes when its calls are done. No call
/// fails, whenever it is made.
#[test]
fn no_call_fails_at_the_age() {
    let Setup {
        sim,
        backend,
        mut client,
        ..
    } = Setup::new();
    backend.set_options(BackendOptions::default().with_max_connection_age(SECOND));
    sim.run(async {
        while sim.elapsed() < 5 * SECOND {
            client.unary(message("hello")).await.unwrap();
            sim.sleep(MS).await;
        }
    });
    // A connection lasts 900 to 1100 ms.
    assert!((4..=5).contains(&backend.closes()), "{}", backend.closes());
    assert!(backend.accepts() - backend.closes() <= 1);
}

/// Without a grace, a connection at its age waits for its calls.
#[test]
fn calls_continue_over_the_age() {
    let Setup {
        sim,
        backend,
        mut client,
        ..
    } = Setup::new();
    backend.set_options(BackendOptions::default().with_max_connection_age(10 * SECOND));
    sim.run(async {
        client.unary(message(WAIT)).await.unwrap();
        assert_eq!(backend.accepts(), 1);
        sim.sleep(MS * 10).await;
        assert_eq!(backend.closes(), 1);
    });
}

/// After the grace, a connection is closed, and its calls fail.
#[test]
fn calls_end_after_the_grace() {
    let Setup {
        sim,
        backend,
        mut client,
        service,
    } = Setup::new();
    let options = BackendOptions::default().with_max_connection_age(10 * SECOND);
    backend.set_options(options.with_max_connection_age_grace(5 * SECOND));
    let status = sim.run(client.unary(message(WAIT))).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let elapsed = sim.elapsed();
    assert!(
        (14 * SECOND..16 * SECOND + 10 * MS).contains(&elapsed),
        "{elapsed:?}"
    );
    sim.run(sim.sleep(10 * MS));
    assert_eq!(
        service.waiting.load(std::sync::atomic::Ordering::Relaxed),
        0
    );
    assert_eq!(backend.closes(), 1);
}

/// The age is from the seed: the same in each run.
#[test]
fn the_age_is_the_same_in_each_run() {
    let trace = || {
        let Setup {
            sim,
            backend,
            mut client,
            ..
        } = Setup::new();
        backend.set_options(BackendOptions::default().with_max_connection_age(10 * SECOND));
        sim.run(async {
            client.unary(message("hello")).await.unwrap();
            sim.sleep(12 * SECOND).await;
        });
        assert_eq!(backend.closes(), 1);
        sim.trace()
    };
    assert_eq!(trace(), trace());
}
