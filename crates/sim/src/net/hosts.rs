//! The system's resolver: a table of names.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::timer::sleep;
use crate::world::SharedWorld;

/// Looks up `host` after the delay that the test has set.
pub(crate) async fn lookup(
    shared: Arc<SharedWorld>,
    host: String,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let delay = shared.with(|world| world.net.lookup_delay);
    if !delay.is_zero() {
        sleep(&shared, delay).await;
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
