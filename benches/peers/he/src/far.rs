//! The far side: the network, a web server, a DNS server, and a log of events.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{nameserver, network};

/// Longest wait for a client's request.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// The events, with the time since the start.
#[derive(Clone)]
struct Log {
    began: Instant,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Log {
    fn add(&self, kind: &str, what: &str) {
        let ms = self.began.elapsed().as_secs_f64() * 1e3;
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(json!({ "ms": ms, kind: what }));
    }

    fn take(&self) -> Vec<Value> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *events)
    }
}

/// Forwards packets, and executes commands from the standard input: `serve` starts the servers,
/// `take` returns the events since the last `take`.
#[expect(clippy::disallowed_methods, reason = "this measures real time")]
pub fn run() -> Result<(), Box<dyn Error>> {
    let log = Log {
        began: Instant::now(),
        events: Arc::default(),
    };
    let syns = log.clone();
    if let Err(error) = network::forward(move |to| syns.add("syn", &to.to_string())) {
        println!(
            "{}",
            json!({ "cannot": format!("make a TUN device: {error}") })
        );
        return Ok(());
    }
    println!("{}", json!("carrying"));
    for line in std::io::stdin().lines() {
        match line?.as_str() {
            "serve" => {
                serve()?;
                let answers = log.clone();
                nameserver::serve(move |kind| answers.add("answer", kind))?;
                println!("{}", json!("serving"));
            }
            "take" => println!("{}", Value::Array(log.take())),
            other => return Err(format!("cannot `{other}`").into()),
        }
    }
    Ok(())
}

/// Starts a web server that answers without content.
fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("[::]:80")?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });
    Ok(())
}

/// Answers the first request. Most clients here close the connection without one.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(REQUEST_LIMIT))?;
    if stream.read(&mut [0; 2048])? > 0 {
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")?;
    }
    Ok(())
}
