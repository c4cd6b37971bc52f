//! The listener of the server, and the threads of its connections.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::connection::Connection;
use super::frame::{Frame, PREFACE};
use super::record::{Log, Record};
use super::steps::Behavior;

/// A server on loopback. Dropping it closes the listener.
#[derive(Debug)]
pub(super) struct EdgeServer {
    address: SocketAddr,
    record: Record,
    stopped: Arc<AtomicBool>,
}

impl EdgeServer {
    /// Starts a server at a free port.
    pub(super) fn start(behavior: Behavior) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self {
            address: listener.local_addr()?,
            record: Record::default(),
            stopped: Arc::default(),
        };
        let (record, stopped) = (server.record.clone(), Arc::clone(&server.stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                record.log(|log| log.accepted += 1);
                let record = record.clone();
                thread::spawn(move || {
                    // The client may end a connection in any way; the log shows what matters.
                    let _ = serve(stream, behavior, record.clone());
                    record.log(|log| log.ended += 1);
                });
            }
        });
        Ok(server)
    }

    /// Returns the address at which the server listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what was counted so far.
    pub(super) fn log(&self) -> Log {
        self.record.read()
    }
}

impl Drop for EdgeServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener. If it has ended, there is nothing to wake.
        let _ = TcpStream::connect(self.address);
    }
}

/// Serves one connection until the client closes it.
fn serve(mut stream: TcpStream, behavior: Behavior, record: Record) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface)?;
    if preface != PREFACE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut connection = Connection::start(stream.try_clone()?, behavior, record)?;
    while let Some(frame) = Frame::read(&mut stream)? {
        connection.handle(&frame)?;
    }
    Ok(())
}
