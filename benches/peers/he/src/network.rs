//! The network between the namespaces: forwards packets between two TUN devices.
//!
//! Packets from the near side are forwarded at once, unless they are for a black hole. Packets from
//! the far side are delayed as their source address encodes. This replaces `netem`, which few
//! kernels of virtual machines have. In contrast to `netem`, it sees every SYN.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use tappers::{Interface, Tun};

use crate::fate::PacketFate;
use crate::later::Later;

/// Buffer size in bytes: larger than any packet of a TUN device with the default MTU.
const PACKET: usize = 4096;
const TCP: u8 = 6;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Opens both devices and starts forwarding. Calls `on_syn` for every SYN from the near side.
///
/// The devices are created in the namespace of this process. A device stays open when it is moved
/// to another namespace.
pub fn forward(on_syn: impl Fn(SocketAddr) + Send + 'static) -> io::Result<()> {
    let open = |name: &str| -> io::Result<Arc<Tun>> {
        Ok(Arc::new(Tun::new_named(Interface::new(name)?)?))
    };
    let (near, far) = (open("he-near")?, open("he-far")?);
    let later = Later::start();
    {
        let (near, far) = (Arc::clone(&near), Arc::clone(&far));
        each_packet(near, move |packet| {
            let Some(ends) = Ends::of(packet) else { return };
            if let Some(port) = ends.syn_to {
                on_syn(SocketAddr::new(ends.to, port));
            }
            if PacketFate::of(ends.to) != PacketFate::BlackHole {
                // An error loses the packet, as a network would; the device may be down.
                let _ = far.send(packet);
            }
        });
    }
    each_packet(far, move |packet| {
        let Some(ends) = Ends::of(packet) else { return };
        if let PacketFate::Delay(delay) = PacketFate::of(ends.from) {
            let (near, packet) = (Arc::clone(&near), packet.to_owned());
            later.after(delay, move || {
                let _ = near.send(&packet);
            });
        }
    });
    Ok(())
}

/// Reads packets on a thread until the device is gone.
fn each_packet(device: Arc<Tun>, handle: impl Fn(&[u8]) + Send + 'static) {
    thread::spawn(move || {
        let mut packet = vec![0; PACKET];
        loop {
            match device.recv(&mut packet) {
                Ok(len) => handle(&packet[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    eprintln!("error: a TUN device cannot be read: {error}");
                    return;
                }
            }
        }
    });
}

/// Source and destination of a packet.
struct Ends {
    from: IpAddr,
    to: IpAddr,
    /// The destination port, if the packet is a SYN that opens a connection.
    syn_to: Option<u16>,
}

impl Ends {
    /// Parses a packet; `None` if it is neither IPv4 nor IPv6, or truncated.
    fn of(packet: &[u8]) -> Option<Self> {
        let (from, to, protocol, inner): (IpAddr, IpAddr, u8, &[u8]) = match packet.first()? >> 4 {
            4 => {
                let address = |at| {
                    let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                    Some(Ipv4Addr::from(bytes).into())
                };
                let header = usize::from(packet[0] & 0xf) * 4;
                (
                    address(12)?,
                    address(16)?,
                    *packet.get(9)?,
                    packet.get(header..)?,
                )
            }
            6 => {
                let address = |at| {
                    let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                    Some(Ipv6Addr::from(bytes).into())
                };
                (
                    address(8)?,
                    address(24)?,
                    *packet.get(6)?,
                    packet.get(40..)?,
                )
            }
            _ => return None,
        };
        let syn_to = match (protocol, inner) {
            (TCP, [_, _, high, low, rest @ ..]) if rest.get(9)? & (SYN | ACK) == SYN => {
                Some(u16::from_be_bytes([*high, *low]))
            }
            _ => None,
        };
        Some(Self { from, to, syn_to })
    }
}
