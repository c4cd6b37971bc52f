//! Established connections: data, FIN and RST.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll};

use crate::world::{CLIENT, ConnEnd, World, path_of};

impl World {
    /// Reads from an end of a connection.
    pub(super) fn poll_read(
        &mut self,
        (conn, side): (u64, usize),
        buffer: &mut [u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let is_frozen = self.is_frozen(conn, side);
        let Some(end) = self.end(conn, side) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        if is_frozen {
            let old = end.reader.replace(cx.waker().clone());
            self.discard(old);
            return Poll::Pending;
        }
        let len = end.inbox.len().min(buffer.len());
        if len > 0 {
            let (first, second) = end.inbox.as_slices();
            let cut = first.len().min(len);
            buffer[..cut].copy_from_slice(&first[..cut]);
            buffer[cut..len].copy_from_slice(&second[..len - cut]);
            end.inbox.drain(..len);
            if self.room(conn, side) >= self.min_room() {
                let waker = self.end(conn, 1 - side).and_then(|end| end.writer.take());
                self.wake(waker);
            }
            return Poll::Ready(Ok(len));
        }
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.fin || buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let old = end.reader.replace(cx.waker().clone());
        self.discard(old);
        Poll::Pending
    }

    /// Writes as many bytes at an end of a connection as the peer's buffer has room for.
    ///
    /// Waits while only little room is left, so that a slow reader does not cut the stream into tiny
    /// packets, each of which costs events (the silly window syndrome).
    ///
    /// Source: [RFC 9293 section 3.8.6.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2).
    pub(super) fn poll_write(
        &mut self,
        (conn, side): (u64, usize),
        bytes: &[u8],
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let is_frozen = self.is_frozen(conn, side);
        let Some(end) = self.end(conn, side) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        if is_frozen {
            let old = end.writer.replace(cx.waker().clone());
            self.discard(old);
            return Poll::Pending;
        }
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.fin_sent {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let room = self.room(conn, 1 - side);
        if room < bytes.len().min(self.min_room()) {
            let old = self
                .end(conn, side)
                .and_then(|end| end.writer.replace(cx.waker().clone()));
            self.discard(old);
            return Poll::Pending;
        }
        let len = bytes.len().min(room);
        if len > 0 {
            if let Some(end) = self.end(conn, 1 - side) {
                end.in_flight += len;
            }
            let bytes = bytes[..len].to_vec();
            let arrive = move |world: &mut Self| world.handle_data(conn, 1 - side, bytes);
            let label = format!("{len} bytes");
            self.send_to_end((conn, 1 - side), &label, arrive);
        }
        Poll::Ready(Ok(len))
    }

    /// Sends FIN, unless this end has sent it or was reset.
    pub(super) fn close_write(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if end.fin_sent || end.reset {
            return;
        }
        end.fin_sent = true;
        self.send_to_end((conn, 1 - side), "FIN", move |world: &mut Self| {
            let waker = world.end(conn, 1 - side).and_then(|end| {
                end.fin = true;
                end.reader.take()
            });
            world.wake(waker);
        });
    }

    /// Closes an end: sends FIN, or as Linux does RST if bytes are unread.
    pub(super) fn close_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if !end.inbox.is_empty() {
            return self.abort_end(conn, side);
        }
        self.close_write(conn, side);
        self.mark_closed(conn, side);
    }

    /// Closes an end and sends RST.
    pub(super) fn abort_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        if !end.reset {
            end.reset = true;
            self.send_to_end((conn, 1 - side), "RST", move |world: &mut Self| {
                world.handle_reset(conn, 1 - side);
            });
        }
        self.mark_closed(conn, side);
    }

    /// Resets an end while its stream still exists, and sends RST to the peer.
    pub(crate) fn kill_end(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        let was_open = !end.closed;
        self.abort_end(conn, side);
        if was_open && let Some(end) = self.end(conn, side) {
            end.closed = false;
        }
    }

    /// Handles the arrival of data at an end.
    fn handle_data(&mut self, conn: u64, side: usize, bytes: Vec<u8>) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.in_flight = end.in_flight.saturating_sub(bytes.len());
        if end.closed && !end.reset {
            // The kernel answers data for a closed socket with RST.
            return self.abort_end(conn, side);
        }
        if !end.reset {
            end.inbox.extend(bytes);
            let waker = end.reader.take();
            self.wake(waker);
        }
    }

    /// Handles the arrival of RST at an end.
    fn handle_reset(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.reset = true;
        let wakers = [end.reader.take(), end.writer.take()];
        self.wake_all(wakers.into_iter().flatten());
    }

    /// Marks an end as closed, and removes the connection once both ends are.
    fn mark_closed(&mut self, conn: u64, side: usize) {
        let Some(end) = self.end(conn, side) else {
            return;
        };
        end.closed = true;
        end.inbox.clear();
        // The end may have been killed while a task waits on its stream.
        let wakers = [end.reader.take(), end.writer.take()];
        self.wake_all(wakers.into_iter().flatten());
        if self.end(conn, 1 - side).is_some_and(|other| other.closed) {
            self.net.conns.remove(&conn);
        }
    }

    /// Sends a packet to an end, behind all earlier packets to it.
    fn send_to_end(
        &mut self,
        (conn, side): (u64, usize),
        what: &str,
        arrive: impl FnOnce(&mut Self) + Send + 'static,
    ) {
        let Some(state) = self.net.conns.get(&conn) else {
            return;
        };
        let to = match side {
            CLIENT => "client",
            _ => "server",
        };
        let label = format!("connection {conn}: {what} to the {to}");
        let (ip, earliest) = (path_of(&state.peer), state.ends[side].last_arrival);
        let traced = label.clone();
        let arrive = Box::new(move |world: &mut Self| {
            world.trace(traced);
            arrive(world);
        });
        let at = self.send(ip, label, earliest, arrive);
        if let Some(end) = self.end(conn, side) {
            end.last_arrival = at;
        }
    }

    /// Returns how many bytes the buffer of an end has room for.
    fn room(&mut self, conn: u64, side: usize) -> usize {
        let capacity = self.net.buffer;
        let end = self.end(conn, side);
        end.map_or(0, |end| {
            capacity.saturating_sub(end.inbox.len() + end.in_flight)
        })
    }

    /// Returns the room for which a writer waits that has more to write: half of the buffer.
    fn min_room(&self) -> usize {
        (self.net.buffer / 2).max(1)
    }

    fn end(&mut self, conn: u64, side: usize) -> Option<&mut ConnEnd> {
        Some(&mut self.net.conns.get_mut(&conn)?.ends[side])
    }
}
