//! Reads and checks an address.

use std::net::{IpAddr, SocketAddr};

use crate::core::resources::fault::{Faults, Place, quote};
use crate::core::wire::{Malformed, fields};

/// A message `SocketAddress`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawAddress<'a> {
    host: &'a str,
    /// The port, if it is a number.
    port: Option<u32>,
}

impl<'a> RawAddress<'a> {
    /// Reads a message `Address` into an earlier one; `None` if it is not one of TCP.
    pub(super) fn read(
        bytes: &'a [u8],
        mut address: Option<Self>,
    ) -> Result<Option<Self>, Malformed> {
        for field in fields(bytes) {
            let field = field?;
            if field.number != 1 {
                continue;
            }
            let socket = address.get_or_insert_default();
            for field in fields(field.bytes()?) {
                let field = field?;
                match field.number {
                    2 => socket.host = field.text()?,
                    // Integers of 32 bits are what fits of a varint.
                    3 => socket.port = Some(field.varint()? as u32),
                    // A named port, in place of a number.
                    4 => socket.port = None,
                    _ => {}
                }
            }
        }
        Ok(address)
    }

    /// Returns the address at `place`: an IP literal with a port. `hint` is what to do where it is a name.
    pub(super) fn check(
        raw: Option<Self>,
        hint: &str,
        place: &Place<'_>,
        faults: &mut Faults,
    ) -> Option<SocketAddr> {
        let place = place.field("socket_address");
        let Some(Self { host, port }) = raw else {
            faults.add(&place, "no IP address and port");
            return None;
        };
        let ip: Option<IpAddr> = host.parse().ok();
        if ip.is_none() {
            let text = format!("{} is not an IP address{hint}", quote(host));
            faults.add(&place, text);
        }
        let valid = port.and_then(|port| u16::try_from(port).ok().filter(|&port| port > 0));
        if valid.is_none() {
            let port = port.map_or_else(|| "none".to_owned(), |port| port.to_string());
            let text = format!("must be from 1 to 65535, is {port}");
            faults.add(&place.field("port_value"), text);
        }
        Some(SocketAddr::new(ip?.to_canonical(), valid?))
    }
}
