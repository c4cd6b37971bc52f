//! The limit of concurrent streams.

use futures_util::future::join_all;
use trunkline_sim::{BackendOptions, CallReply};

use crate::echo::{MS, SECOND, Setup, message};

/// With a limit of two concurrent streams, six calls of a second take three seconds. The channel
/// holds them back, so none is refused.
#[test]
fn concurrent_streams() {
    let Setup {
        sim,
        backend,
        client,
        ..
    } = Setup::new();
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(2));
    backend.set_reply(CallReply::Service.after(SECOND));
    sim.run(async {
        let calls = (0..6).map(|number| {
            let mut client = client.clone();
            async move { client.unary(message(number.to_string())).await }
        });
        for answer in join_all(calls).await {
            answer.unwrap();
        }
    });
    assert!(
        (3 * SECOND..3 * SECOND + 20 * MS).contains(&sim.elapsed()),
        "{:?}",
        sim.elapsed()
    );
    let arrivals: Vec<_> = backend
        .received()
        .iter()
        .map(|call| call.at.as_secs())
        .collect();
    assert_eq!(arrivals, [0, 0, 1, 1, 2, 2]);
}
