//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Asks what a gRPC client sees of a name, and why.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    /// Prints one JSON object a line on stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Whether to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto)]
    pub(crate) color: ColorWhen,
    /// The runtime to run on
    #[arg(long, global = true, value_enum, default_value_t = RuntimeName::first())]
    pub(crate) runtime: RuntimeName,
    /// Tells on stderr what happens (-vv and -vvv tell more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// The runtimes that are built in.
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
    /// Takes a target apart, and says what is wrong with it
    Target(TargetArgs),
    /// Resolves a target, and prints the endpoints as a policy gets them
    Resolve(ResolveArgs),
    /// Races connections to a host or to addresses
    Connect(ConnectArgs),
    /// Makes health-check calls to a target, and counts who answers
    Call(CallArgs),
    /// Prints what happens to a channel: endpoints, states, connections
    Watch(WatchArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    /// The scheme of a target that has none that is registered
    #[arg(long, value_name = "S", default_value = "dns")]
    pub(crate) default_scheme: String,
    /// Registers a scheme beside the standard ones
    #[arg(long = "scheme", value_name = "S")]
    pub(crate) schemes: Vec<String>,
}

/// Where names are looked up.
#[derive(Debug, clap::Args)]
pub(crate) struct DnsArgs {
    /// Reads DNS servers and search list from this file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// Reads hosts from this file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) hosts: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResolveArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
    /// Looks for a service config in TXT records too
    #[arg(long)]
    pub(crate) txt: bool,
    /// Leaves the addresses in the server's order instead of that of RFC 6724
    #[arg(long)]
    pub(crate) no_sort: bool,
    /// Resolves this many times, with one client
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// The time from one resolution to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) every: Duration,
    /// A deadline for all of it (30 for each resolution where it is not given)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// HOST:PORT to look up, or ADDR,ADDR,.. to race as they stand
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
    /// Waits this long for an attempt before the next starts beside it (100 to 2000)
    #[arg(long, value_name = "MS", default_value_t = 250.0, value_parser = millis)]
    pub(crate) attempt_delay: f64,
    /// Waits this long for the preferred family's addresses
    #[arg(long, value_name = "MS", default_value_t = 50.0, value_parser = millis)]
    pub(crate) resolution_delay: f64,
    /// Tries addresses of this family first
    #[arg(long, value_enum)]
    pub(crate) prefer: Option<FamilyName>,
    /// Keeps the order of the addresses, instead of taking the families in turn
    #[arg(long)]
    pub(crate) no_interleave: bool,
    /// Draws the race into this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// A deadline for all of it
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FamilyName {
    Ipv6,
    Ipv4,
}

/// How a channel is set up.
#[derive(Debug, clap::Args)]
pub(crate) struct ChannelArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    /// Uses this policy where the resolver says nothing
    #[arg(long, value_name = "POLICY", conflicts_with = "service_config")]
    pub(crate) lb: Option<String>,
    /// Uses this service config where the resolver gives none
    #[arg(long, value_name = "JSON")]
    pub(crate) service_config: Option<String>,
    /// Says this as :authority
    #[arg(long, value_name = "A")]
    pub(crate) authority: Option<String>,
    /// Resolves at most this often
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) min_resolution_interval: Duration,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
    /// The service to ask about; the server as a whole where it is not given
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service: String,
    /// Makes this many calls (1, unless --for says otherwise)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Has at most this many calls in flight
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Makes at most this many calls a second
    #[arg(long, value_name = "Q", value_parser = rate)]
    pub(crate) qps: Option<f64>,
    /// Makes calls for this long
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// Lets calls wait for a connection instead of failing
    #[arg(long)]
    pub(crate) wait_for_ready: bool,
    /// A deadline for all of it (10 for each call where it is not given)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
    /// Watches for this long instead of until it is interrupted
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// The same as --for
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "duration")]
    pub(crate) timeout: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number of seconds is wanted".to_owned())?;
    Duration::try_from_secs_f64(number)
        .map_err(|_| "a number of seconds from 0 up is wanted".to_owned())
}

fn millis(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number of milliseconds is wanted".to_owned())?;
    if (0.0..=86_400_000.0).contains(&number) {
        Ok(number)
    } else {
        Err("a number of milliseconds from 0 to a day is wanted".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number of calls a second is wanted".to_owned())?;
    if (0.001..=1e6).contains(&number) {
        Ok(number)
    } else {
        Err("a number from 0.001 to 1000000 is wanted".to_owned())
    }
}
