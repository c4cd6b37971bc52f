//! The network between the namespaces: two TUN devices, and what carries packets between them.
//!
//! What comes from the near side is carried on at once, unless it is for a black hole; what comes back
//! waits as long as the address that it comes from says. This stands for `netem`, which few kernels
//! of virtual machines have; and where that counts packets on a queue, this sees every SYN.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use tappers::{Interface, Tun};

use crate::fate::Fate;
use crate::later::Later;

/// Larger than any packet that a TUN device takes by default.
const PACKET: usize = 4096;
const TCP: u8 = 6;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Opens both devices and begins to carry; `on_syn` is told of every SYN from the near side.
///
/// They are made in the namespace of this process. A device that is moved to another one stays open.
pub fn carry(on_syn: impl Fn(SocketAddr) + Send + 'static) -> io::Result<()> {
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
            if Fate::of(ends.to) != Fate::BlackHole {
                // A device that is down loses packets, as a network does.
                let _ = far.send(packet);
            }
        });
    }
    each_packet(far, move |packet| {
        let Some(ends) = Ends::of(packet) else { return };
        if let Fate::Delay(delay) = Fate::of(ends.from) {
            let (near, packet) = (Arc::clone(&near), packet.to_owned());
            later.after(delay, move || {
                let _ = near.send(&packet);
            });
        }
    });
    Ok(())
}

/// Reads packets for as long as the device is there, in a thread of its own.
fn each_packet(device: Arc<Tun>, carry: impl Fn(&[u8]) + Send + 'static) {
    thread::spawn(move || {
        let mut packet = vec![0; PACKET];
        loop {
            match device.recv(&mut packet) {
                Ok(len) => carry(&packet[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    eprintln!("error: a TUN device cannot be read: {error}");
                    return;
                }
            }
        }
    });
}

/// Whom a packet is from and for.
struct Ends {
    from: IpAddr,
    to: IpAddr,
    /// The port, if the packet asks for a connection.
    syn_to: Option<u16>,
}

impl Ends {
    /// `None`: neither IPv4 nor IPv6, or cut off.
    fn of(packet: &[u8]) -> Option<Self> {
        let (from, to, protocol, inner): (IpAddr, IpAddr, u8, &[u8]) = match packet.first()? >> 4 {
            4 => {
                let address = |at| {
                    let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                    Some(Ipv4Addr::from(octets).into())
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
                    let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                    Some(Ipv6Addr::from(octets).into())
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
