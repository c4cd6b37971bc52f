//! A DNS server that delays its AAAA answers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::fate::{PROMPT_V4, PROMPT_V6};
use crate::later::Later;

const A: u16 = 1;
const AAAA: u16 = 28;
/// Flags: response, authoritative, recursion desired, recursion available.
const FLAGS: [u8; 2] = [0x85, 0x80];
const HEADER: usize = 12;

/// Answers queries for every name. `aaaa-300.he.test` has an address of each family, but its AAAA
/// answer is 300 ms late. Calls `on_answer` for every answer with an address when it is sent.
pub fn serve(on_answer: impl Fn(&'static str) + Clone + Send + 'static) -> io::Result<()> {
    let socket = Arc::new(UdpSocket::bind((PROMPT_V4, 53))?);
    let later = Later::start();
    thread::spawn(move || {
        let mut query = [0; 512];
        loop {
            let Ok((len, from)) = socket.recv_from(&mut query) else {
                continue;
            };
            if let Some(answer) = answer(&query[..len]) {
                send(&later, &socket, from, answer, on_answer.clone());
            }
        }
    });
    Ok(())
}

struct Answer {
    kind: Option<&'static str>,
    message: Vec<u8>,
    delay: Duration,
}

fn send(
    later: &Later,
    socket: &Arc<UdpSocket>,
    to: SocketAddr,
    answer: Answer,
    on_answer: impl Fn(&'static str) + Send + 'static,
) {
    let socket = Arc::clone(socket);
    later.after(answer.delay, move || {
        // Call it before sending, so that the log has the answer before its effects.
        answer.kind.into_iter().for_each(on_answer);
        // A lost answer is like a lost packet.
        let _ = socket.send_to(&answer.message, to);
    });
}

/// Returns the answer to a message with one question; `None` for any other message.
fn answer(query: &[u8]) -> Option<Answer> {
    let mut at = HEADER;
    let first = label(query, at)?;
    while let Some(part) = label(query, at).filter(|part| !part.is_empty()) {
        at += 1 + part.len();
    }
    let end = at + 5;
    let kind = query.get(at + 1..at + 3)?;
    let question = query.get(HEADER..end)?;
    let (kind, name, data) = match u16::from_be_bytes(kind.try_into().ok()?) {
        A => (A, Some("A"), PROMPT_V4.octets().to_vec()),
        AAAA => (AAAA, Some("AAAA"), PROMPT_V6.octets().to_vec()),
        other => (other, None, Vec::new()),
    };
    let mut message = query.get(..2)?.to_vec();
    message.extend(FLAGS);
    message.extend([0, 1, 0, u8::from(name.is_some()), 0, 0, 0, 0]);
    message.extend(question);
    if name.is_some() {
        // The name of the question, class IN, and a time to live of 0.
        message.extend([0xc0, HEADER as u8]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
        message.extend(data);
    }
    let late = std::str::from_utf8(first).ok()?.to_ascii_lowercase();
    let late = late
        .strip_prefix("aaaa-")
        .and_then(|millis| millis.parse().ok());
    let delay = late.filter(|_| kind == AAAA).unwrap_or(0);
    Some(Answer {
        kind: name,
        message,
        delay: Duration::from_millis(delay),
    })
}

/// Returns the label at `at`; empty for the root.
fn label(message: &[u8], at: usize) -> Option<&[u8]> {
    let len = usize::from(*message.get(at)?);
    message.get(at + 1..at + 1 + len)
}
