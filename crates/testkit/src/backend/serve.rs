//! The process's side of a backend.

use std::io::{self, BufRead, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::backlog::BACKLOG;
use super::counters::{AtomicCounters, Counters};
use super::door::{Door, DoorAction, DoorOrder};
use super::options::Options;
use super::protocol::{ASKED, BackendCommand, BackendReport};

/// How many ports are tried until one is free on both addresses.
const PORT_TRIES: usize = 32;

/// Runs the program `backend`: reads the command line and serves until the end. Call it as `main`.
#[must_use]
pub fn main() -> ExitCode {
    run(Options::from_args(std::env::args().skip(1)))
}

/// Becomes a backend and never returns, if this process was started as one by
/// [`Program::ThisProgram`](super::Program::ThisProgram) or
/// [`Program::ThisTest`](super::Program::ThisTest). Otherwise returns at once.
///
/// A test file calls it in a test of its own, `fn backend_process() { serve_if_asked() }`, to which
/// its other tests refer: `Program::ThisTest("backend_process")`.
pub fn serve_if_asked() {
    let Ok(args) = std::env::var(ASKED) else {
        return;
    };
    let options = Options::from_args(args.split_whitespace().map(str::to_owned));
    let code = run(options);
    // Does not return to the test harness, which would print to the pipe and set its own status.
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

/// The events for which the process waits.
enum ProcessEvent {
    Line(Option<String>),
    Terminated,
    DoorFailed(String),
}

async fn serve(options: Options) -> io::Result<()> {
    let (ipv4, ipv6) = listen(options.port, options.ipv6)?;
    let port = ipv4.local_addr()?.port();
    let options = Arc::new(options);
    let mut doors = Doors::default();
    // Before the report `ready`, so that no SIGTERM is lost. Without drain the default action of
    // SIGTERM stays: it ends the process.
    let mut sigterm = if options.drain {
        Some(signal(SignalKind::terminate())?)
    } else {
        None
    };
    let ready = BackendReport::Ready {
        port,
        ipv6: ipv6.is_some(),
    };
    let counters = Arc::clone(&doors.ipv4);
    doors.to_ipv4 = Some(doors.open(Door::new(ipv4, Arc::clone(&options), counters)?));
    if let Some(ipv6) = ipv6 {
        let counters = Arc::clone(&doors.ipv6);
        doors.to_ipv6 = Some(doors.open(Door::new(ipv6, options, counters)?));
    }
    print_report(&ready)?;
    let mut lines = lines_of_stdin();
    loop {
        match next(&mut lines, &mut sigterm, &mut doors.running).await {
            ProcessEvent::Line(None) => return Ok(()),
            ProcessEvent::Line(Some(line)) => print_report(&doors.answer(&line).await)?,
            ProcessEvent::DoorFailed(why) => return Err(io::Error::other(why)),
            ProcessEvent::Terminated => {
                // The drain takes time, so `stats` is answered meanwhile.
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
                        Err(Some(line)) if line.trim() == BackendCommand::Stats.to_string() => {
                            print_report(&BackendReport::Stats(doors.counters()))?;
                        }
                        Err(Some(line)) => {
                            print_report(&BackendReport::Failed(format!(
                                "{line:?} came during the drain"
                            )))?;
                        }
                    }
                };
                print_report(&BackendReport::Final(doors.counters()))?;
                return drained.map_err(io::Error::other);
            }
        }
    }
}

async fn next(
    lines: &mut mpsc::UnboundedReceiver<String>,
    sigterm: &mut Option<Signal>,
    running: &mut JoinSet<io::Result<()>>,
) -> ProcessEvent {
    std::future::poll_fn(|cx| {
        if let Some(sigterm) = sigterm
            && sigterm.poll_recv(cx).is_ready()
        {
            return std::task::Poll::Ready(ProcessEvent::Terminated);
        }
        if let std::task::Poll::Ready(Some(ended)) = running.poll_join_next(cx) {
            let why = match ended {
                Ok(Ok(())) => "a listener ended".to_owned(),
                Ok(Err(error)) => format!("cannot accept: {error}"),
                Err(error) => format!("a listener's task failed: {error}"),
            };
            return std::task::Poll::Ready(ProcessEvent::DoorFailed(why));
        }
        lines.poll_recv(cx).map(ProcessEvent::Line)
    })
    .await
}

/// The doors of both address families.
#[derive(Default)]
struct Doors {
    ipv4: Arc<AtomicCounters>,
    ipv6: Arc<AtomicCounters>,
    to_ipv4: Option<mpsc::Sender<DoorOrder>>,
    to_ipv6: Option<mpsc::Sender<DoorOrder>>,
    running: JoinSet<io::Result<()>>,
}

impl Doors {
    fn open(&mut self, door: Door) -> mpsc::Sender<DoorOrder> {
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

    async fn answer(&self, line: &str) -> BackendReport {
        let command = match line.parse() {
            Ok(command) => command,
            Err(why) => return BackendReport::Failed(why),
        };
        let result = match command {
            BackendCommand::Stats => return BackendReport::Stats(self.counters()),
            BackendCommand::Ipv6Silent => order(self.to_ipv6.as_ref(), DoorAction::Silence).await,
            BackendCommand::Ipv6Normal => order(self.to_ipv6.as_ref(), DoorAction::Open).await,
        };
        match result {
            Ok(()) => BackendReport::Done(command.to_string()),
            Err(why) => BackendReport::Failed(format!("{command}: {why}")),
        }
    }

    async fn drain(&self) -> Result<(), String> {
        let mut result = Ok(());
        let mut asked = Vec::new();
        for door in [&self.to_ipv4, &self.to_ipv6].into_iter().flatten() {
            asked.push(ask(door, DoorAction::Drain).await);
        }
        for answer in asked {
            result = result.and(answer.await.unwrap_or_else(|_| Err(GONE.to_owned())));
        }
        result
    }
}

const GONE: &str = "the listener's task is gone";

async fn order(door: Option<&mpsc::Sender<DoorOrder>>, action: DoorAction) -> Result<(), String> {
    let door = door.ok_or("this backend has no IPv6")?;
    let answer = ask(door, action).await;
    answer.await.unwrap_or_else(|_| Err(GONE.to_owned()))
}

async fn ask(
    door: &mpsc::Sender<DoorOrder>,
    action: DoorAction,
) -> oneshot::Receiver<Result<(), String>> {
    let (done, answer) = oneshot::channel();
    // If the door is gone, the order is dropped with `done`, and the answer is an error.
    let _ = door.send(DoorOrder { action, done }).await;
    answer
}

/// Listens on 127.0.0.1 and, if the machine has it, on ::1, at the same port.
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
            // The machine has no IPv6 or no ::1.
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
    // Connections of an earlier backend on the same port may be in TIME-WAIT.
    socket.set_reuseaddr(port != 0)?;
    let address = SocketAddr::new(ip, port);
    socket
        .bind(address)
        .and_then(|()| socket.listen(BACKLOG))
        .map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })
}

/// Returns the lines of standard input, which a thread reads because that blocks.
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

fn print_report(report: &BackendReport) -> io::Result<()> {
    let mut line = serde_json::to_string(report)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}
