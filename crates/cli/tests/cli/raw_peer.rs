//! A server that answers calls with raw HTTP/2 frames: with texts that no gRPC library would send.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Frame types and flags.
///
/// Source: [RFC 9113 section 6](https://www.rfc-editor.org/rfc/rfc9113#section-6).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The client's connection preface.
///
/// Source: [RFC 9113 section 3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The headers of an answer, as names and values.
pub(crate) type Answer = Vec<(&'static str, String)>;

/// Starts a server that answers each call with a head that ends the stream. `answer` makes the head
/// from the number of the call on its connection, from 0 on; without a head the call gets no answer.
///
/// Returns the server's target. Its threads end with the test process.
pub(crate) fn target(answer: impl Fn(u64) -> Option<Answer> + Copy + Send + 'static) -> String {
    start(answer, true)
}

/// Starts a server that answers neither calls nor PINGs.
pub(crate) fn silent_target() -> String {
    start(|_| None, false)
}

fn start(
    answer: impl Fn(u64) -> Option<Answer> + Copy + Send + 'static,
    answers_pings: bool,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The end of the connection ends the thread.
            thread::spawn(move || drop(serve(stream, answer, answers_pings)));
        }
    });
    format!("ipv4:{address}")
}

/// Returns the head of a gRPC answer with a status and a message.
pub(crate) fn status(code: u8, message: &str) -> Option<Answer> {
    Some(vec![
        (":status", "200".to_owned()),
        ("content-type", "application/grpc".to_owned()),
        ("grpc-status", code.to_string()),
        ("grpc-message", message.to_owned()),
    ])
}

/// Returns the head of an answer of a web server or a proxy.
pub(crate) fn http_status(code: &str) -> Option<Answer> {
    Some(vec![
        (":status", code.to_owned()),
        ("content-type", "text/html".to_owned()),
    ])
}

fn serve(
    mut stream: TcpStream,
    answer: impl Fn(u64) -> Option<Answer>,
    answers_pings: bool,
) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE.len()])?;
    send(&mut stream, SETTINGS, 0, 0, &[])?;
    let mut calls = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, frame, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload)?;
        let id = u32::from_be_bytes(id);
        match frame {
            SETTINGS if flags & ACK == 0 => send(&mut stream, SETTINGS, ACK, 0, &[])?,
            PING if flags & ACK == 0 && answers_pings => send(&mut stream, PING, ACK, 0, &payload)?,
            _ if id != 0 && flags & END_STREAM != 0 => {
                if let Some(answer) = answer(calls) {
                    let block: Vec<u8> = answer.iter().flat_map(literal).collect();
                    send(&mut stream, HEADERS, END_HEADERS | END_STREAM, id, &block)?;
                }
                calls += 1;
            }
            _ => {}
        }
    }
}

fn send(stream: &mut TcpStream, frame: u8, flags: u8, id: u32, payload: &[u8]) -> io::Result<()> {
    let len = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = len.to_be_bytes()[1..].to_vec();
    bytes.extend([frame, flags]);
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    stream.write_all(&bytes)
}

/// Encodes a header as a literal that is not indexed.
///
/// Source: [RFC 7541 section 6.2.2](https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2).
fn literal((name, value): &(&'static str, String)) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name.as_bytes(), value.as_bytes()] {
        // An integer with a prefix of 7 bits: section 5.1.
        let mut rest = text.len();
        if rest < 127 {
            bytes.push(rest as u8);
        } else {
            bytes.push(127);
            rest -= 127;
            while rest >= 128 {
                bytes.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            bytes.push(rest as u8);
        }
        bytes.extend(text);
    }
    bytes
}
