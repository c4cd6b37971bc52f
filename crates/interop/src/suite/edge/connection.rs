//! One connection of the server.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::TcpStream;

use super::frame::{
    ACK, DATA, END_STREAM, Frame, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, PADDED,
    PING, SETTINGS, WINDOW, WINDOW_UPDATE,
};
use super::record::Record;
use super::steps::{Behavior, Data, Step};

/// One connection: handles frames in the order of their arrival.
#[derive(Debug)]
pub(super) struct Connection {
    output: TcpStream,
    behavior: Behavior,
    record: Record,
    /// Bytes to write.
    buffer: Vec<u8>,
    /// The client's window of the connection.
    window: i64,
    /// The client's first window of each stream.
    initial_window: i64,
    /// The streams whose response is not yet complete.
    streams: BTreeMap<u32, Stream>,
}

#[derive(Debug)]
struct Stream {
    /// The client's window of the stream.
    window: i64,
    /// What is still to be sent. Empty before the end of the request.
    response: VecDeque<Step>,
}

impl Connection {
    /// Sends the server's SETTINGS. The client has sent its preface.
    pub(super) fn start(output: TcpStream, behavior: Behavior, record: Record) -> io::Result<Self> {
        let mut connection = Self {
            output,
            behavior,
            record,
            buffer: Vec::new(),
            window: WINDOW,
            initial_window: WINDOW,
            streams: BTreeMap::new(),
        };
        connection.write(&Frame::new(SETTINGS, 0, []));
        if behavior == Behavior::MaxStreams {
            let limit = [
                &MAX_CONCURRENT_STREAMS.to_be_bytes()[..],
                &1_u32.to_be_bytes(),
            ]
            .concat();
            connection.write(&Frame::new(SETTINGS, 0, limit));
        }
        connection.flush()?;
        Ok(connection)
    }

    /// Handles one frame, and sends all that can be sent after it.
    pub(super) fn handle(&mut self, frame: &Frame) -> io::Result<()> {
        match frame.kind {
            SETTINGS if !frame.has(ACK) => {
                self.apply(&frame.payload);
                self.write(&Frame::new(SETTINGS, 0, []).with(ACK));
            }
            PING if frame.has(ACK) => self.record.log(|log| log.pings_answered += 1),
            PING => self.write(&Frame::new(PING, 0, frame.payload.clone()).with(ACK)),
            WINDOW_UPDATE => self.widen(frame),
            HEADERS => {
                let (window, response) = (self.initial_window, VecDeque::new());
                self.streams
                    .insert(frame.stream, Stream { window, response });
                let open = self.streams.len();
                self.record
                    .log(|log| log.most_streams = log.most_streams.max(open));
            }
            DATA => self.give_back(frame),
            _ => {}
        }
        if matches!(frame.kind, HEADERS | DATA)
            && frame.has(END_STREAM)
            && let Some(stream) = self.streams.get_mut(&frame.stream)
        {
            stream.response = self.behavior.response(frame.stream).into();
        }
        self.send();
        self.flush()
    }

    /// Applies the client's settings.
    fn apply(&mut self, settings: &[u8]) {
        for setting in settings.chunks_exact(6) {
            let (id, value) = setting.split_at(2);
            if id != INITIAL_WINDOW_SIZE.to_be_bytes() {
                continue;
            }
            let size = value
                .iter()
                .fold(0, |size, byte| size << 8 | i64::from(*byte));
            for stream in self.streams.values_mut() {
                stream.window += size - self.initial_window;
            }
            self.initial_window = size;
        }
    }

    /// Handles a WINDOW_UPDATE.
    fn widen(&mut self, frame: &Frame) {
        let more = frame.payload.iter();
        let more = more.fold(0, |size, byte| size << 8 | i64::from(*byte));
        if frame.stream == 0 {
            self.window += more;
        } else if let Some(stream) = self.streams.get_mut(&frame.stream) {
            stream.window += more;
        }
    }

    /// Opens the server's windows again by what a DATA frame has used.
    fn give_back(&mut self, frame: &Frame) {
        // The length of a frame fits.
        let size = (frame.payload.len() as u32).to_be_bytes();
        if size != [0; 4] {
            self.write(&Frame::new(WINDOW_UPDATE, 0, size));
            if !frame.has(END_STREAM) {
                self.write(&Frame::new(WINDOW_UPDATE, frame.stream, size));
            }
        }
    }

    /// Takes the steps that the windows allow, of one stream after the other.
    fn send(&mut self) {
        let mut streams = std::mem::take(&mut self.streams);
        streams.retain(|id, stream| {
            let mut began = false;
            while let Some(step) = stream.response.front_mut() {
                began = true;
                match step {
                    Step::Frame(frame) => {
                        if frame.kind == PING {
                            self.record.log(|log| log.pings_sent += 1);
                        }
                        frame.write(&mut self.buffer);
                    }
                    Step::Data(data) => {
                        if !send_data(
                            *id,
                            data,
                            [&mut self.window, &mut stream.window],
                            &mut self.buffer,
                        ) {
                            return true;
                        }
                    }
                }
                stream.response.pop_front();
            }
            !began
        });
        self.streams = streams;
    }

    fn write(&mut self, frame: &Frame) {
        frame.write(&mut self.buffer);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Sends frames as the windows allow, and returns whether all of the data was sent.
fn send_data(id: u32, data: &mut Data, windows: [&mut i64; 2], buffer: &mut Vec<u8>) -> bool {
    let [connection, stream] = windows;
    while !data.bytes.is_empty() {
        // Padding and its length count as data.
        let padding = data.padding.map_or(0, |padding| i64::from(padding) + 1);
        let room = (*connection).min(*stream) - padding;
        let length = data.bytes.len().min(data.a_frame);
        let length = length.min(usize::try_from(room).unwrap_or(0));
        // A frame of the size that the case demands, except for the last one.
        if length == 0 || (length < data.a_frame && length < data.bytes.len()) {
            return false;
        }
        let bytes = data.bytes.split_to(length);
        let frame = match data.padding {
            None => Frame::new(DATA, id, bytes),
            Some(padding) => {
                let mut payload = vec![padding];
                payload.extend_from_slice(&bytes);
                payload.resize(payload.len() + usize::from(padding), 0);
                Frame::new(DATA, id, payload).with(PADDED)
            }
        };
        // The length of a frame fits.
        let used = frame.payload.len() as i64;
        *connection -= used;
        *stream -= used;
        frame.write(buffer);
    }
    true
}
