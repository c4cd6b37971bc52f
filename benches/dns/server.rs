//! A DNS server that is authoritative for every name, with one A and one AAAA record for each.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The server in its own process, which ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the server at this address.
    pub(crate) fn start(address: &str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                child.wait()?;
                Err(io::Error::other(format!("no server on {address}: {line}")))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until the standard input ends.
pub(crate) fn serve(address: &str) {
    let bound = UdpSocket::bind(address).and_then(|socket| {
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    let (socket, address) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            println!("{error}");
            return;
        }
    };
    // Large enough for a burst of 128 queries.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 1 << 20);
    println!("{address}");
    thread::spawn(move || {
        let mut query = [0; 512];
        loop {
            // An error is caused by a client that has ended.
            let Ok((length, from)) = socket.recv_from(&mut query) else {
                continue;
            };
            if let Some(reply) = reply(&query[..length]) {
                let _ = socket.send_to(&reply, from);
            }
        }
    });
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

/// Returns the reply to a query; `None` if the message is not a query.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(12..)?.iter().position(|&byte| byte == 0)?;
    let end = 12 + name + 5;
    let code = *query.get(end - 3)?;
    let (address, answers): (&[u8], u8) = match code {
        1 => (&[192, 0, 2, 1], 1),
        28 => (
            &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            1,
        ),
        _ => (&[], 0),
    };
    let mut reply = query.get(..end)?.to_vec();
    // Flags: response, authoritative, recursion desired as in the query, recursion available.
    reply[2] = 0x84 | query[2] & 1;
    reply[3] = 0x80;
    reply[6..12].copy_from_slice(&[0, answers, 0, 0, 0, query[11].min(1)]);
    if answers == 1 {
        reply.extend([
            0xc0,
            12,
            0,
            code,
            0,
            1,
            0,
            0,
            1,
            0x2c,
            0,
            address.len() as u8,
        ]);
        reply.extend(address);
    }
    if query[11] > 0 {
        reply.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    Some(reply)
}
