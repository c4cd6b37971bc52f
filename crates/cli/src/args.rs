//! The command line.

mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use trunkline::KeepaliveOptions;

pub(crate) use self::values::{Hedge, IdleTimeout};
use self::values::{hedge, idle_timeout, keepalive, millis, rate, seconds};

/// The headings of options that several commands have; a command's own options come before them.
const CHANNEL: &str = "Channel options";
const TLS: &str = "TLS options";
const LOOKUP: &str = "Name lookup options";
const XDS: &str = "xDS options";
const COMMON: &str = "Common options";

/// Makes the text below a command's options: examples, and the exit statuses 0 and 1.
macro_rules! after_help {
    ($($example:literal),+; $success:literal, $failure:literal) => {
        concat!(
            "Examples:\n",
            $("  trunkline ", $example, "\n",)+
            "\nExit status:\n  0  ", $success, "\n  1  ", $failure,
            "\n  2  the command line or the target cannot be used"
        )
    };
}

/// Shows what a gRPC client sees when it uses a target, and why
#[derive(Debug, Parser)]
#[command(
    name = "trunkline",
    version,
    max_term_width = 100,
    disable_help_flag = true,
    after_help = after_help!(
        "resolve dns:///orders.prod.svc:50051",
        "call dns:///orders.prod.svc:50051 --lb round_robin --count 100",
        "help call";
        "the operation succeeded", "the operation failed"
    )
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// Prints one JSON object per line on stdout, and nothing else there
    #[arg(long, global = true, help_heading = COMMON)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto, help_heading = COMMON)]
    pub(crate) color: ColorWhen,
    /// The async runtime to run on
    #[arg(long, global = true, value_enum, default_value_t = RuntimeName::first(), help_heading = COMMON)]
    pub(crate) runtime: RuntimeName,
    /// Logs to stderr what happens (-vv and -vvv log more)
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = COMMON)]
    pub(crate) verbose: u8,
    /// Prints this help
    #[arg(short, long, global = true, action = ArgAction::Help, help_heading = COMMON)]
    help: Option<bool>,
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
    /// Prints what a control plane sends for an xds: target, and the route that a call takes
    Xds(XdsArgs),
    /// Prints a script with which a shell completes this command
    Completions(CompletionsArgs),
    /// Prints the manual page, or writes one for each command
    Man(ManArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "target dns:///orders.prod.svc:50051",
    "target orders:50051 --default-scheme dns";
    "the target is valid", "the output cannot be written"
))]
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
    #[arg(long, value_name = "FILE", help_heading = LOOKUP)]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// Reads hosts from this file instead of the system's hosts file
    #[arg(long, value_name = "FILE", help_heading = LOOKUP)]
    pub(crate) hosts: Option<PathBuf>,
}

/// The configuration of targets with the scheme `xds`.
#[derive(Debug, clap::Args)]
pub(crate) struct BootstrapArgs {
    /// Reads the bootstrap of xds: targets from this file, instead of from GRPC_XDS_BOOTSTRAP or
    /// GRPC_XDS_BOOTSTRAP_CONFIG
    #[arg(long, value_name = "FILE", help_heading = XDS)]
    pub(crate) bootstrap: Option<PathBuf>,
}

/// The proxy of connections.
#[derive(Debug, clap::Args)]
pub(crate) struct ProxyArgs {
    /// Connects through this proxy (http://.. or socks5://..), through those of the environment, or
    /// directly
    // A text: the error of an invalid value must not quote it, because it may have a password.
    #[arg(long, value_name = "URL|env|none", default_value = "env", help_heading = CHANNEL)]
    pub(crate) proxy: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "resolve dns:///orders.prod.svc:50051",
    "resolve dns://127.0.0.1:5353/orders.test:50051 --txt --json",
    "resolve srv:///_grpc._tcp.orders.prod.svc --repeat 3 --every 10";
    "the target was resolved", "the last resolution failed"
))]
pub(crate) struct ResolveArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
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
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "connect example.com:443",
    "connect '[2001:db8::1]:443,192.0.2.1:443' --svg race.svg",
    "connect --tls example.com:443";
    "an address is connected, and with --tls its server was verified",
    "no address is connected, the server was not verified, or the picture cannot be written"
))]
pub(crate) struct ConnectArgs {
    /// HOST:PORT to look up, or the addresses ADDR,ADDR,.. to race without a lookup
    pub(crate) to: String,
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
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FamilyName {
    Ipv6,
    Ipv4,
}

/// The configuration of TLS.
#[derive(Debug, clap::Args)]
pub(crate) struct TlsArgs {
    /// Uses TLS (if not given: connections without encryption)
    #[arg(long, help_heading = TLS)]
    pub(crate) tls: bool,
    /// Trusts the root certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "roots", help_heading = TLS)]
    pub(crate) ca: Option<PathBuf>,
    /// Trusts these root certificates: the platform's (if not given), or those of this program
    #[arg(long, value_enum, requires = "tls", help_heading = TLS)]
    pub(crate) roots: Option<RootsName>,
    /// Shows the client certificate in this PEM file to servers that ask for one
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key", help_heading = TLS)]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls", requires = "cert", help_heading = TLS)]
    pub(crate) key: Option<PathBuf>,
    /// Checks the server's certificate for this name instead of the target's
    #[arg(long, value_name = "NAME", requires = "tls", help_heading = TLS)]
    pub(crate) server_name: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RootsName {
    Platform,
    Bundled,
}

/// The configuration of a channel.
#[derive(Debug, clap::Args)]
pub(crate) struct ChannelArgs {
    /// The target, such as dns:///orders.prod.svc:50051
    pub(crate) target: String,
    /// Uses this load-balancing policy when the resolver gives no service config
    #[arg(long, value_name = "POLICY", conflicts_with = "service_config", help_heading = CHANNEL)]
    pub(crate) lb: Option<String>,
    /// Uses this service config when the resolver gives none
    #[arg(long, value_name = "JSON", help_heading = CHANNEL)]
    pub(crate) service_config: Option<String>,
    /// Sends this as :authority
    #[arg(long, value_name = "A", help_heading = CHANNEL)]
    pub(crate) authority: Option<String>,
    /// Waits at least this long before a refresh, and between resolutions for lost connections
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = CHANNEL)]
    pub(crate) min_resolution_interval: Duration,
    /// Sends a PING when nothing has come for SECONDS (10 at least), and gives the connection up when
    /// nothing comes within TIMEOUT (if not given: 20)
    #[arg(long, value_name = "SECONDS[/TIMEOUT]", value_parser = keepalive, help_heading = CHANNEL)]
    pub(crate) keepalive: Option<KeepaliveOptions>,
    /// Enters idleness after this long without a call (if not given: 1800, and for `watch` never)
    #[arg(long, value_name = "SECONDS|never", value_parser = idle_timeout, help_heading = CHANNEL)]
    pub(crate) idle_timeout: Option<IdleTimeout>,
    /// Uses only backends whose health service reports that SERVICE is serving ("" is the server as a
    /// whole), by round_robin when no policy is given
    #[arg(long, value_name = "SERVICE", help_heading = CHANNEL)]
    pub(crate) health: Option<String>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    #[command(flatten)]
    pub(crate) dns: DnsArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "xds xds:///orders",
    "xds xds:///orders --bootstrap bootstrap.json --json",
    "xds xds:///orders --path /shop.Orders/Place -H 'x-canary: yes'";
    "the target has a whole configuration, and with --path a route",
    "a resource is missing or cannot be used, or no route takes the call"
))]
pub(crate) struct XdsArgs {
    /// The target, such as xds:///orders
    pub(crate) target: String,
    /// Also shows the route of a call of this method, /package.Service/Method
    #[arg(long, alias = "route", value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// The metadata of that call; the value of a key that ends in -bin is base64
    // A text: the error of an invalid value must not quote it, because it may be a secret.
    #[arg(
        short = 'H',
        long = "header",
        value_name = "KEY: VALUE",
        requires = "path"
    )]
    pub(crate) headers: Vec<String>,
    /// Waits this long for the resources
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "call dns:///orders.prod.svc:50051",
    "call dns:///orders.prod.svc:50051 --lb round_robin --count 1000 --concurrency 10",
    "call ipv4:127.0.0.1:50051 --for 30 --qps 10 --json",
    "call dns:///orders.prod.svc:50051 --count 100 --retry 3",
    "call dns:///orders.prod.svc:50051 --count 100 --health shop.Orders",
    "call dns:///orders.prod.svc:50051 -H 'authorization: Bearer TOKEN'",
    "call dns:///orders.prod.svc:50051 --tls --ca ca.pem --cert client.pem --key client.key";
    "every call succeeded (with --any-status: was answered)",
    "a call failed, or could not be made in time"
))]
pub(crate) struct CallArgs {
    /// The service whose health is asked for (if not given: the server as a whole)
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service: String,
    /// Makes this many calls (if not given: 1, or with --for as many as fit)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Has at most this many calls in flight at a time
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Starts this many calls a second, unless --concurrency calls are in flight
    #[arg(long, value_name = "Q", value_parser = rate)]
    pub(crate) qps: Option<f64>,
    /// Starts calls for this long
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// Succeeds when a server answered every call with a gRPC status, whichever it is
    #[arg(long)]
    pub(crate) any_status: bool,
    /// Lets calls wait for a connection instead of failing
    #[arg(long)]
    pub(crate) wait_for_ready: bool,
    /// Prints an inspection of the channel as JSON after the calls
    #[arg(long)]
    pub(crate) inspect: bool,
    /// Sends this metadata with each call; the value of a key that ends in -bin is base64
    // A text: the error of an invalid value must not quote it, because it may be a secret.
    #[arg(short = 'H', long = "header", value_name = "KEY: VALUE")]
    pub(crate) headers: Vec<String>,
    /// A deadline for the whole command (if not given: 10 for each call)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) attempts: AttemptArgs,
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
}

/// How often a call may be sent.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct AttemptArgs {
    /// Retries calls that fail with UNAVAILABLE, up to this many attempts each, when the resolver gives no
    /// service config
    #[arg(long, value_name = "ATTEMPTS", conflicts_with_all = ["hedge", "service_config"], value_parser = clap::value_parser!(u32).range(2..=100))]
    pub(crate) retry: Option<u32>,
    /// Sends a call again every DELAY milliseconds while it has no answer, up to this many attempts, when
    /// the resolver gives no service config
    #[arg(long, value_name = "ATTEMPTS/DELAY", conflicts_with = "service_config", value_parser = hedge)]
    pub(crate) hedge: Option<Hedge>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "watch dns:///orders.prod.svc:50051 --lb round_robin",
    "watch dns:///orders.prod.svc:50051 --for 60 --json";
    "the time of --for is over", "the channel cannot be used"
))]
pub(crate) struct WatchArgs {
    /// Prints an inspection of the channel as JSON when the time of --for is over
    #[arg(long)]
    pub(crate) inspect: bool,
    /// Watches for this long instead of until an interrupt
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// The same as --for
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "duration")]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) channel: ChannelArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "completions bash > ~/.local/share/bash-completion/completions/trunkline",
    "completions zsh > ~/.zfunc/_trunkline",
    "completions fish > ~/.config/fish/completions/trunkline.fish";
    "the script was printed", "the output cannot be written"
))]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = after_help!(
    "man | man -l -",
    "man ~/.local/share/man/man1";
    "the manual was printed or written", "a page cannot be written"
))]
pub(crate) struct ManArgs {
    /// Writes trunkline.1 and a page for each command to this folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
