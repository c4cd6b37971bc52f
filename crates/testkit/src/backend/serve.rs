//! The process of a backend.

use std::io::{self, BufRead, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::backlog::BACKLOG;
use super::counters::Tally;
use super::door::{Door, Order, What};
use super::protocol::{Command, Report};
use super::{Counters, Options};

/// The environment variable by which a program is told to be a backend.
pub(super) const ASKED: &str = "TRUNKLINE_TESTKIT_BACKEND";

/// How often a port that is free on both families is looked for.
const PORT_TRIES: usize = 32;

/// The program `backend`: reads the command line, serves, and ends.
#[must_use]
pub fn main() -> ExitCode {
    run(Options::from_args(std::env::args().skip(1)))
}

/// Becomes a backend, and never returns, if this process was started as one by
/// [`Program::ThisProgram`](super::Program::ThisProgram) or
/// [`Program::ThisTest`](super::Program::ThisTest); returns at once otherwise.
///
/// In a test it is to be called by a test of its own, `fn backend_process() { serve_if_asked() }`, which the other
/// tests of the file name: `Program::ThisTest("backend_process")`.
pub fn serve_if_asked() {
    let Ok(args) = std::env::var(ASKED) else {
        return;
    };
    let options = Options::from_args(args.split_whitespace().map(str::to_owned));
    let code = run(options);
    // Not back into the test harness: it would print to the pipe and set a status of its own.
    std::process::exit(if code == ExitCode::SUCCESS { 0 } else { 1 });
}

fn run(options: Result<Options, String>) -> ExitCode {
    let served = options.map_err(io::Error::other).and_then(|options| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(serve(options))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("backend: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the process waits for.
enum Event {
    Line(Option<String>),
    Terminated,
    DoorFailed(String),
}

async fn serve(options: Options) -> io::Result<()> {
    let (ipv4, ipv6) = listen(options.port, options.ipv6)?;
    let port = ipv4.local_addr()?.port();
    let options = Arc::new(options);
    let mut doors = Doors::default();
    // Before "ready", so that no SIGTERM is lost. Without drain, the default (the end) stays.
    let mut sigterm = if options.drain {
        Some(signal(SignalKind::terminate())?)
    } else {
        None
    };
    let ready = Report::Ready {
        port,
        ipv6: ipv6.is_some(),
    };
    let tally = Arc::clone(&doors.ipv4);
    doors.to_ipv4 = Some(doors.open(Door::new(ipv4, Arc::clone(&options), tally)?));
    if let Some(ipv6) = ipv6 {
        let tally = Arc::clone(&doors.ipv6);
        doors.to_ipv6 = Some(doors.open(Door::new(ipv6, options, tally)?));
    }
    say(&ready)?;
    let mut lines = lines_of_stdin();
    loop {
        match next(&mut lines, &mut sigterm, &mut doors.running).await {
            Event::Line(None) => return Ok(()),
            Event::Line(Some(line)) => say(&doors.answer(&line).await)?,
            Event::DoorFailed(why) => return Err(io::Error::other(why)),
            Event::Terminated => {
                // Statistics are answered during the drain too: it is worth looking at.
                let mut drain = std::pin::pin!(doors.drain());
                let drained = loop {
                    let step = std::future::poll_fn(|cx| {
                        if let std::task::Poll::Ready(result) = drain.as_mut().poll(cx) {
                            return std::task::Poll::Ready(Ok(result));
                        }
                        lines.poll_recv(cx).map(Err)
                    });
                    match step.await {
                        Ok(result) => break result,
                        Err(None) => return Ok(()),
                        Err(Some(line)) if line.trim() == Command::Stats.to_string() => {
                            say(&Report::Stats(doors.counters()))?;
                        }
                        Err(Some(line)) => {
                            say(&Report::Failed(format!("{line:?} came during the drain")))?;
                        }
                    }
                };
                say(&Report::Final(doors.counters()))?;
                return drained.map_err(io::Error::other);
            }
        }
    }
}

async fn next(
    lines: &mut mpsc::UnboundedReceiver<String>,
    sigterm: &mut Option<Signal>,
    running: &mut JoinSet<io::Result<()>>,
) -> Event {
    std::future::poll_fn(|cx| {
        if let Some(sigterm) = sigterm
            && sigterm.poll_recv(cx).is_ready()
        {
            return std::task::Poll::Ready(Event::Terminated);
        }
        if let std::task::Poll::Ready(Some(ended)) = running.poll_join_next(cx) {
            let why = match ended {
                Ok(Ok(())) => "a listener ended".to_owned(),
                Ok(Err(error)) => format!("cannot accept: {error}"),
                Err(error) => format!("a listener's task failed: {error}"),
            };
            return std::task::Poll::Ready(Event::DoorFailed(why));
        }
        lines.poll_recv(cx).map(Event::Line)
    })
    .await
}

/// The doors of both families.
#[derive(Default)]
struct Doors {
    ipv4: Arc<Tally>,
    ipv6: Arc<Tally>,
    to_ipv4: Option<mpsc::Sender<Order>>,
    to_ipv6: Option<mpsc::Sender<Order>>,
    running: JoinSet<io::Result<()>>,
}

impl Doors {
    fn open(&mut self, door: Door) -> mpsc::Sender<Order> {
        let (sender, orders) = mpsc::channel(1);
        self.running.spawn(door.run(orders));
        sender
    }

    fn counters(&self) -> Counters {
        Counters {
            ipv4: self.ipv4.read(),
            ipv6: self.ipv6.read(),
        }
    }

    async fn answer(&self, line: &str) -> Report {
        let command = match line.parse() {
            Ok(command) => command,
            Err(why) => return Report::Failed(why),
        };
        let result = match command {
            Command::Stats => return Report::Stats(self.counters()),
            Command::Ipv6Silent => order(self.to_ipv6.as_ref(), What::Silence).await,
            Command::Ipv6Normal => order(self.to_ipv6.as_ref(), What::Open).await,
        };
        match result {
            Ok(()) => Report::Done(command.to_string()),
            Err(why) => Report::Failed(format!("{command}: {why}")),
        }
    }

    async fn drain(&self) -> Result<(), String> {
        let mut result = Ok(());
        let mut asked = Vec::new();
        for door in [&self.to_ipv4, &self.to_ipv6].into_iter().flatten() {
            asked.push(ask(door, What::Drain).await);
        }
        for answer in asked {
            result = result.and(answer.await.unwrap_or_else(|_| Err(GONE.to_owned())));
        }
        result
    }
}

const GONE: &str = "the listener's task is gone";

async fn order(door: Option<&mpsc::Sender<Order>>, what: What) -> Result<(), String> {
    let door = door.ok_or("this backend has no IPv6")?;
    let answer = ask(door, what).await;
    answer.await.unwrap_or_else(|_| Err(GONE.to_owned()))
}

async fn ask(door: &mpsc::Sender<Order>, what: What) -> oneshot::Receiver<Result<(), String>> {
    let (done, answer) = oneshot::channel();
    // When the door is gone, `done` goes with the order, and the answer says so.
    let _ = door.send(Order { what, done }).await;
    answer
}

/// Listens on 127.0.0.1 and, unless there is no such address, on ::1, at the same port.
fn listen(port: u16, ipv6: bool) -> io::Result<(TcpListener, Option<TcpListener>)> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        let ipv4 = listen_on(Ipv4Addr::LOCALHOST.into(), port)?;
        if !ipv6 {
            return Ok((ipv4, None));
        }
        tries -= 1;
        match listen_on(Ipv6Addr::LOCALHOST.into(), ipv4.local_addr()?.port()) {
            Ok(ipv6) => return Ok((ipv4, Some(ipv6))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A machine without IPv6, or without ::1.
            Err(_) => return Ok((ipv4, None)),
        }
    }
}

fn listen_on(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = if ip.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A port given by number may have been used a moment ago.
    socket.set_reuseaddr(port != 0)?;
    let address = SocketAddr::new(ip, port);
    socket
        .bind(address)
        .and_then(|()| socket.listen(BACKLOG))
        .map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })
}

/// The lines of standard input, read by a thread: what blocks must not be in the runtime.
fn lines_of_stdin() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn say(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_string(report)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}
