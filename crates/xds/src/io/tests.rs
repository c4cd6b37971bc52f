//! A client against a simulated control plane.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_sim::Sim;
use trunkline_sim::control_plane::resources;

use super::inbox::Inbox;
use super::pool::XdsPool;
use crate::core::ads::Update;
use crate::core::{Bootstrap, Decoder, ResourceType, ServerConfig};

/// 2.1, 2.16: the client delivers what is watched, and reads on once that is settled.
#[test]
fn xds_2_1_watch_through_a_link() {
    let sim = Sim::new(7);
    let at: SocketAddr = "198.51.100.1:18000".parse().expect("an address");
    let plane = sim.control_plane(at);
    plane.set(resources::listener("orders", "routes"));
    let runtime = sim.runtime();
    let pool = XdsPool::new();
    let bootstrap = Arc::new(Bootstrap::new(ServerConfig::insecure(format!("ipv4:{at}"))));
    sim.run(async {
        let client = pool.client("xds:///orders", &bootstrap, &runtime, 1 << 20, || {
            Arc::new(Decoder::new(trunkline_lb::PolicyRegistry::standard()))
        });
        let inbox = Arc::new(Inbox::default());
        let watch = client.watch(ResourceType::Listener, "orders", &inbox);
        let first = poll_fn(|cx| inbox.poll_next(cx)).await;
        assert_eq!((first.id.watch(), &*first.name), (watch, "orders"));
        assert!(matches!(first.update, Update::Changed(Ok(_))), "{first:?}");

        plane.set(resources::listener("orders", "other-routes"));
        client.settle([first.id]);
        let second = poll_fn(|cx| inbox.poll_next(cx)).await;
        assert_ne!(second.update, first.update);

        // The same client for the same target; it ends with its last user.
        let again = pool.client("xds:///orders", &bootstrap, &runtime, 1 << 20, || {
            Arc::new(Decoder::new(trunkline_lb::PolicyRegistry::standard()))
        });
        assert!(Arc::ptr_eq(&again, &client));
        assert_eq!(pool.dump().len(), 1);
        drop((again, client));
        assert_eq!(pool.dump().len(), 0);
    });
    let requests = plane.requests();
    println!("{requests:#?}");
    assert_eq!(plane.open_streams(), Vec::<u64>::new());
}
