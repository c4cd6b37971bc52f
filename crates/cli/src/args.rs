//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Shows what a gRPC client sees when it uses a target, and why
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// Prints one JSON object per line on stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
    /// The async runtime to run on
    #[arg(long, global = true, value_enum, default_value_t = RuntimeName::first())]
    pub(crate) runtime: RuntimeName,
    /// Logs to stderr what happens (-vv and -vvv log more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// The runtimes that this build contains.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RuntimeName {
    #[cfg(feature = "async-std")]
    AsyncStd,
    #[cfg(feature = "smol")]
    Smol,
    #[cfg(feature = "tokio")]
    Tokio,
}

impl RuntimeName {
    fn first() -> Self {
        Self::value_variants()[0]
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the parts of a target, and what is wrong with it
    Target(TargetArgs),
    /// Resolves a target, and prints the endpoints as a load-balancing policy gets them
    Resolve(ResolveArgs),
    /// Races connection attempts to a host or to addresses (Happy Eyeballs)
    Connect(ConnectArgs),
    /// Makes health-check calls to a target, and counts the answers of each backend
    Call(CallArgs),
    /// Prints what happens to a channel: endpoints, states, connections
    Watch(WatchArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    /// The scheme for a target that does not begin with a registered scheme
    #[arg(long, value_name = "S", default_value = "dns")]
    pub(crate) default_scheme: String,
    /// Registers a scheme in addition to the standard ones
    #[arg(long = "scheme", value_name = "S")]
    pub(crate) schemes: Vec<String>,
}

/// The configuration of name lookups.
#[derive(Debug, clap::Args)]
pub(crate) struct DnsArgs {
    /// Reads the DNS servers and the search list from this file instead of the system's resolv.conf
    #[arg(long, value_name = "FILE")]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// Reads hosts from this file instead of the system's hosts file
    #[arg(long, value_name = "FILE")]
    pub(crate) hosts: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
    /// Also looks for a service config in TXT records
    #[arg(long)]
    pub(crate) txt: bool,
    /// Keeps the addresses in the DNS server's order instead of sorting them by RFC 6724
    #[arg(long)]
    pub(crate) no_sort: bool,
    /// Resolves this many times, with one client and so with one cache
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// The time from the start of one resolution to the start of the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) every: Duration,
    /// A deadline for the whole command (if not given: 30 for each resolution)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// HOST:PORT to look up, or the addresses ADDR,ADDR,.. to race without a lookup
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
    /// Starts the next attempt when the last one has run for this long (100 to 2000)
    #[arg(long, value_name = "MS", default_value_t = 250.0, value_parser = millis)]
    pub(crate) attempt_delay: f64,
    /// Waits this long for the preferred family's addresses when the other family's come first
    #[arg(long, value_name = "MS", default_value_t = 50.0, value_parser = millis)]
    pub(crate) resolution_delay: f64,
    /// Tries addresses of this family first
    #[arg(long, value_enum)]
    pub(crate) prefer: Option<FamilyName>,
    /// Keeps the order of the addresses instead of alternating between IPv6 and IPv4
    #[arg(long)]
    pub(crate) no_interleave: bool,
    /// Writes a picture of the race to this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// A deadline for the whole command
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FamilyName {
    Ipv6,
    Ipv4,
}

/// The configuration of a channel.
#[derive(Debug, clap::Args)]
pub(crate) struct ChannelArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    /// Uses this load-balancing policy when the resolver gives no service config
    #[arg(long, value_name = "POLICY", conflicts_with = "service_config")]
    pub(crate) lb: Option<String>,
    /// Uses this service config when the resolver gives none
    #[arg(long, value_name = "JSON")]
    pub(crate) service_config: Option<String>,
    /// Sends this as :authority
    #[arg(long, value_name = "A")]
    pub(crate) authority: Option<String>,
    /// Waits at least this long after a successful resolution before the next
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) min_resolution_interval: Duration,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
    /// The service whose health is asked for (if not given: the server as a whole)
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service: String,
    /// Makes this many calls (if not given: 1, or with --for as many as fit)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Has at most this many calls in flight at a time
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Makes at most this many calls a second
    #[arg(long, value_name = "Q", value_parser = rate)]
    pub(crate) qps: Option<f64>,
    /// Starts calls for this long
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// Lets calls wait for a connection instead of failing
    #[arg(long)]
    pub(crate) wait_for_ready: bool,
    /// A deadline for the whole command (if not given: 10 for each call)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
    /// Watches for this long instead of until an interrupt
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// The same as --for
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "duration")]
    pub(crate) timeout: Option<Duration>,
}

/// The longest time that can be given, in seconds: the longest deadline in seconds that a call can
/// send.
///
/// Source: [gRPC over HTTP/2, TimeoutValue](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const MAX_SECONDS: f64 = 99_999_999.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.0..=MAX_SECONDS).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err(format!(
            "expected a number of seconds from 0 to {MAX_SECONDS} (three years)"
        ))
    }
}

fn millis(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of milliseconds".to_owned())?;
    if (0.0..=86_400_000.0).contains(&number) {
        Ok(number)
    } else {
        Err("expected a number of milliseconds from 0 to 86400000 (a day)".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of calls per second".to_owned())?;
    if (0.001..=1e6).contains(&number) {
        Ok(number)
    } else {
        Err("expected a number of calls per second from 0.001 to 1000000".to_owned())
    }
}
