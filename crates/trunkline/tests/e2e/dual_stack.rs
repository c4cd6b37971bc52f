//! Tests of `examples/dual_stack_resolver.rs`: each endpoint gets one share, whichever family works.

use std::collections::BTreeMap;

use trunkline_testkit::backend::Options;

use crate::world::{backend, backend_with, greet, peer};

#[expect(
    dead_code,
    unreachable_pub,
    reason = "the example is a program of its own"
)]
#[path = "../../examples/dual_stack_resolver.rs"]
mod example;

on_each_runtime! {
    /// A backend that is reached over IPv6 and one that has IPv4 only get one share each.
    async fn each_endpoint_gets_one_share(runtime) {
        let both = backend("both");
        let ipv4_only = backend_with(&Options { ipv6: false, ..Options::new("ipv4-only") });
        let ports = vec![both.port(), ipv4_only.port()];
        let channel = trunkline::Channel::builder("inventory:greeter")
            .resolver(example::Inventory { ports })
            .plaintext()
            .runtime(runtime)
            .build()
            .expect("a channel");
        let mut shares = BTreeMap::new();
        while shares.len() < 2 {
            let response = greet(&channel).await.expect("a reply");
            shares.insert(peer(&response), 0);
        }
        for _ in 0..100 {
            let response = greet(&channel).await.expect("a reply");
            *shares.entry(peer(&response)).or_insert(0) += 1;
        }
        assert_eq!(shares.into_values().collect::<Vec<_>>(), [50, 50]);
    }
}
