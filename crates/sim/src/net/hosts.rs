//! The system's resolver: a table.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use trunkline_runtime::Runtime;

use crate::runtime::SimRuntime;
use crate::world::Shared;

/// Looks `host` up, after the delay that was set.
pub(crate) async fn lookup(
    shared: Arc<Shared>,
    host: String,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let delay = shared.with(|world| world.net.lookup_delay);
    if !delay.is_zero() {
        let runtime: Arc<dyn Runtime> = Arc::new(SimRuntime::new(shared.clone()));
        runtime.sleep_until(runtime.now() + delay).await;
    }
    let found = shared.with(|world| {
        world.trace(format!("the system looks up {host}"));
        world.net.hosts.get(&host.to_ascii_lowercase()).cloned()
    });
    let addresses = match (found, host.parse::<IpAddr>()) {
        (Some(addresses), _) => addresses,
        (None, Ok(literal)) => vec![literal],
        (None, Err(_)) if host.eq_ignore_ascii_case("localhost") => {
            vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        (None, Err(_)) => {
            let text = format!("no such host in the simulation: {host}");
            return Err(io::Error::new(ErrorKind::NotFound, text));
        }
    };
    let addresses = addresses.into_iter();
    Ok(addresses.map(|ip| SocketAddr::new(ip, port)).collect())
}
