//! `trunkline connect`: races connection attempts and shows how each ended.

use std::net::{SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use trunkline::Tls;
use trunkline::connector::{self, TargetRoute, open_tunnel};
use trunkline::target::{Target, TargetView};
use trunkline::tls::TlsClient;
use trunkline::{Proxy, Runtime};
use trunkline_connect::io::{ConnectOptions, connect, connect_host, connect_host_with};
use trunkline_connect::{AttemptDelay, ConnectOutcome, Family, RaceReport};
use trunkline_dns::Name;

use crate::args::{CommonArgs, ConnectArgs, FamilyName};
use crate::failure::Failure;
use crate::lookup::DnsFiles;
use crate::out::{Line, Out, Style};
use crate::proxy::{self, ProxiedRuntime};
use crate::run::block_on;
use crate::svg::svg;
use crate::tls::handshake;
use crate::{file, show};

/// What to connect to.
enum Destination {
    Addresses(Vec<GivenAddress>),
    Host(String, u16),
}

impl Destination {
    /// Returns how a host is reached. For addresses, the proxy is chosen for each.
    fn route(&self, proxy: &Proxy) -> Result<TargetRoute, Failure> {
        match self {
            Self::Addresses(_) => Ok(TargetRoute::ByAddress),
            Self::Host(host, port) => proxy
                .route(&connector::Destination::new(host, *port))
                .map_err(|error| proxy::unusable(&error.to_string())),
        }
    }
}

/// An address as the command line gives it.
enum GivenAddress {
    /// An address with a port. A scope id, if there is one, is a number.
    Whole(SocketAddr),
    /// A link-local address with the name of its interface, such as `[fe80::1%eth0]:443`.
    AtInterface(SocketAddrV6, String),
}

impl Destination {
    /// Returns the name for which a TLS server's certificate must be: the host, or the first
    /// address.
    fn name(&self) -> String {
        match self {
            Self::Host(host, _) => host.clone(),
            Self::Addresses(addresses) => {
                addresses
                    .first()
                    .map_or_else(String::new, |first| match first {
                        GivenAddress::Whole(address) => address.ip().to_string(),
                        GivenAddress::AtInterface(address, _) => address.ip().to_string(),
                    })
            }
        }
    }
}

impl GivenAddress {
    /// Parses an address with a port. The `%` before an interface may be escaped as `%25`, as in a URI.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(address) = text.parse() {
            return Some(Self::Whole(address));
        }
        let (host, port) = text.strip_prefix('[')?.split_once("]:")?;
        let (ip, zone) = host.split_once('%')?;
        let zone = zone.strip_prefix("25").unwrap_or(zone);
        if zone.is_empty() {
            return None;
        }
        let address = SocketAddrV6::new(ip.parse().ok()?, port.parse().ok()?, 0, 0);
        Some(Self::AtInterface(address, zone.to_owned()))
    }

    /// Returns the address, with the index of its interface as the scope id.
    fn resolve(self, runtime: &dyn Runtime) -> Result<SocketAddr, Failure> {
        match self {
            Self::Whole(address) => Ok(address),
            Self::AtInterface(mut address, zone) => {
                let index = zone.parse().or_else(|_| runtime.interface_index(&zone));
                let index = index.map_err(|error| {
                    let text = format!("[{}%{zone}]: {error}", address.ip());
                    Failure::operation("address", text)
                        .suggest(Some("`ip link` lists the network interfaces"))
                })?;
                address.set_scope_id(index);
                Ok(address.into())
            }
        }
    }
}

pub(crate) fn run(args: &ConnectArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let files = args.dns.open(Some(args.timeout))?;
    let destination = destination(&args.to)?;
    let proxy = args.proxy.setting()?;
    let tls = args.tls.open(Some(args.timeout))?;
    let (options, warnings) = options(args);
    if !out.is_json() {
        for warning in &warnings {
            out.warn(warning);
        }
    }
    let warnings: Vec<Value> = warnings
        .into_iter()
        .map(|text| json!({ "kind": "clamped", "at": null, "message": text, "suggestion": null }))
        .collect();
    let plan = Plan {
        destination,
        proxy,
        tls,
        options,
        warnings,
    };
    block_on(common.runtime, |runtime| {
        race(args, &files, out, runtime, plan)
    })
}

fn destination(to: &str) -> Result<Destination, Failure> {
    let addresses: Option<Vec<GivenAddress>> = to.split(',').map(GivenAddress::parse).collect();
    if let Some(addresses) = addresses {
        return Ok(Destination::Addresses(addresses));
    }
    if let Some(hint) = hint_for_target(to) {
        let text = format!("{to:?} is no host with a port, but a target or a URL");
        return Err(Failure::unusable("host", text).suggest(Some(hint)));
    }
    if to.contains(',') {
        let bad = to
            .split(',')
            .find(|part| GivenAddress::parse(part).is_none());
        let text = format!("{:?} is not an address with a port", bad.unwrap_or(to));
        return Err(Failure::unusable("address", text).suggest(Some(
            "give addresses such as `192.0.2.1:443,[2001:db8::1]:443`",
        )));
    }
    let text = format!("dns:///{to}");
    let target = Target::parse(&text).map_err(|error| {
        Failure::unusable(
            "host",
            format!("{to:?} is not a host with a port: {}", error.message()),
        )
        .suggest(Some("give a host and a port, such as `example.com:443`"))
    })?;
    match target.view() {
        TargetView::Dns { host, port, .. } => {
            if host.ip().is_none() {
                Name::parse(host.as_str()).map_err(|error| {
                    Failure::unusable("invalid_name", format!("{:?}: {error}", host.as_str()))
                        .suggest(Some("give a host and a port, such as `example.com:443`"))
                })?;
            }
            Ok(Destination::Host(host.as_str().to_owned(), *port))
        }
        _ => Err(Failure::unusable(
            "host",
            format!("{to:?} is not a host with a port"),
        )),
    }
}

/// Returns what to give in place of a target or a URL; `None` if the text is neither.
fn hint_for_target(text: &str) -> Option<String> {
    let endpoint = match Target::parse(text) {
        Ok(target) if target.used_default_scheme() => return None,
        Ok(target) => match target.view() {
            TargetView::Dns { .. } | TargetView::Ipv4 { .. } | TargetView::Ipv6 { .. } => {
                target.endpoint().into_owned()
            }
            _ => {
                return Some(
                    "`trunkline resolve TARGET` shows the addresses of a target".to_owned(),
                );
            }
        },
        Err(error) if text.contains("://") => {
            error.suggestion()?.strip_prefix("dns:///")?.to_owned()
        }
        Err(_) => return None,
    };
    Some(format!("give `{endpoint}` alone"))
}

fn options(args: &ConnectArgs) -> (ConnectOptions, Vec<String>) {
    let mut options = ConnectOptions::default();
    let mut warnings = Vec::new();
    let asked = Duration::from_secs_f64(args.attempt_delay / 1e3);
    let delay = AttemptDelay::new(asked);
    if delay.get() != asked {
        warnings.push(format!(
            "an attempt delay of {} ms is out of range; {} ms is used (RFC 8305 section 8)",
            args.attempt_delay,
            delay.get().as_millis(),
        ));
    }
    options.race.attempt_delay = delay;
    options.race.resolution_delay = Duration::from_secs_f64(args.resolution_delay / 1e3);
    options.race.interleave = !args.no_interleave;
    options.race.prefer = args.prefer.map(|family| match family {
        FamilyName::Ipv4 => Family::V4,
        FamilyName::Ipv6 => Family::V6,
    });
    options.race.timeout = Some(args.timeout);
    (options, warnings)
}

/// What the command line asks for, checked.
struct Plan {
    destination: Destination,
    proxy: Proxy,
    tls: Option<Tls>,
    options: ConnectOptions,
    /// The warnings in the object.
    warnings: Vec<Value>,
}

async fn race(
    args: &ConnectArgs,
    files: &DnsFiles,
    out: &Out,
    runtime: Arc<dyn Runtime>,
    plan: Plan,
) -> Result<(), Failure> {
    let Plan {
        destination,
        proxy,
        tls,
        options,
        warnings,
    } = plan;
    let deadline = runtime.now().checked_add(args.timeout);
    let tls = tls.map(|tls| TlsClient::new(&tls, &destination.name(), Arc::clone(&runtime)));
    let tls = tls
        .transpose()
        .map_err(|error| Failure::unusable("invalid_tls", error.to_string()))?;
    let route = destination.route(&proxy)?;
    let proxied = ProxiedRuntime::new(
        Arc::clone(&runtime),
        match route {
            TargetRoute::Direct => Proxy::none(),
            TargetRoute::Via(_) | TargetRoute::ByAddress => proxy,
        },
    );
    let result = match (destination, &route) {
        (Destination::Addresses(addresses), _) => {
            let addresses = addresses.into_iter();
            let addresses = addresses.map(|address| address.resolve(&*runtime));
            let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
            connect(&proxied, addresses, &options).await
        }
        (Destination::Host(host, port), TargetRoute::Via(server)) => {
            let lookup = files.client(Arc::clone(&runtime), args.timeout);
            let to = connector::Destination::new(&host, port);
            let tunnel = |stream| {
                let runtime = Arc::clone(&runtime);
                open_tunnel(server, &to, stream, runtime, args.timeout)
            };
            let (host, port) = (server.host(), server.port());
            connect_host_with(&*runtime, host, port, &lookup, &options, tunnel).await
        }
        (Destination::Host(host, port), _) => {
            let lookup = files.client(Arc::clone(&runtime), args.timeout);
            connect_host(&proxied, &host, port, &lookup, &options).await
        }
    };
    let report = match &result {
        Ok(connected) => &connected.report,
        Err(error) => error.report(),
    };
    let mut object = describe(report);
    if let TargetRoute::Via(server) = &route {
        object.insert("proxy".to_owned(), json!(server.to_string()));
    }
    if !warnings.is_empty() {
        object.insert("warnings".to_owned(), Value::Array(warnings));
    }
    if !out.is_json() {
        draw(report, out);
    }
    let saved = save(args, report);
    match result {
        Ok(connected) => {
            let shown = match tls {
                Some(client) => {
                    Some(handshake(&client, connected.stream, &*runtime, deadline).await)
                }
                None => {
                    connected.stream.abort();
                    None
                }
            };
            if let Some(shown) = &shown {
                object.insert("tls".to_owned(), shown.to_json());
                if !out.is_json() {
                    shown.print(out);
                }
            }
            saved.map_err(|failure| failure.beside(object.clone()))?;
            if let Some(failure) = shown.and_then(|shown| shown.failure()) {
                return Err(failure.beside(object));
            }
            if out.is_json() {
                out.object(&Value::Object(object));
            }
            Ok(())
        }
        Err(error) => {
            let suggestion = match error.report().attempts().next() {
                None => "`trunkline resolve` shows what the DNS servers answer for the name",
                Some(_) => {
                    "check that a server listens there, and that no firewall or proxy is in between"
                }
            };
            let mut failure =
                Failure::operation("connect", message(&error)).suggest(Some(suggestion));
            if let Err(unsaved) = saved {
                failure = failure
                    .field("svg", unsaved.to_string())
                    .detail(unsaved.to_string());
            }
            Err(failure.beside(object))
        }
    }
}

/// Writes the picture to the file of `--svg`, if it is given.
fn save(args: &ConnectArgs, report: &RaceReport) -> Result<(), Failure> {
    let Some(path) = &args.svg else {
        return Ok(());
    };
    let title = match report.winner() {
        Some(winner) => format!("{}: {winner} connected", args.to),
        None => format!("{}: nothing connected", args.to),
    };
    file::write(path, svg(report, &title)).map_err(|error| {
        Failure::operation(
            "file",
            format!("{} cannot be written: {error}", path.display()),
        )
        .suggest(Some("name a file in a folder that exists"))
    })
}

/// Returns every address and how it failed, on one line.
fn message(error: &trunkline_connect::ConnectError) -> String {
    let mut parts: Vec<String> = error
        .lookup_errors()
        .iter()
        .map(|(_, error)| error.to_string())
        .collect();
    parts.extend(error.report().attempts().map(|attempt| {
        let how = match (attempt.error, attempt.outcome) {
            (Some(error), _) => error.to_string(),
            (None, Some(outcome)) => outcome.as_str().replace('_', " "),
            (None, None) => "not finished".to_owned(),
        };
        format!("{}: {how}", attempt.address)
    }));
    parts.extend(
        error
            .report()
            .untried()
            .map(|address| format!("{address}: not tried")),
    );
    if parts.is_empty() {
        error.to_string()
    } else {
        format!("nothing connected: {}", parts.join("; "))
    }
}

fn describe(report: &RaceReport) -> Map<String, Value> {
    let attempts: Vec<Value> = report
        .attempts()
        .map(|attempt| {
            json!({
                "address": attempt.address.to_string(),
                "start_ms": show::millis(attempt.start),
                "end_ms": attempt.end.map(show::millis),
                "result": attempt.outcome.map(ConnectOutcome::as_str),
                "error": attempt.error.map(ToString::to_string),
            })
        })
        .collect();
    let mut object = Map::new();
    object.insert("attempts".to_owned(), Value::Array(attempts));
    object.insert(
        "winner".to_owned(),
        json!(report.winner().map(|winner| winner.to_string())),
    );
    let elapsed = report.elapsed().map_or(Value::Null, show::millis);
    object.insert("elapsed_ms".to_owned(), elapsed);
    object
}

/// Prints the race as a time line.
fn draw(report: &RaceReport, out: &Out) {
    const WIDTH: f64 = 40.0;
    let addresses = report.attempts().map(|attempt| attempt.address);
    let width = addresses
        .chain(report.untried())
        .map(|address| address.to_string().len())
        .max();
    let total = report.elapsed().unwrap_or_default().as_secs_f64().max(1e-6);
    let column = |at: Duration| ((at.as_secs_f64() / total * WIDTH) as usize).min(WIDTH as usize);
    for attempt in report.attempts() {
        let start = column(attempt.start);
        let end = attempt.end.map_or(WIDTH as usize, column).max(start + 1);
        let bar = format!("{}{}", " ".repeat(start), "=".repeat(end - start));
        let (style, word) = match attempt.outcome {
            Some(ConnectOutcome::Connected) => (Style::Good, "connected"),
            Some(outcome @ ConnectOutcome::Cancelled) => (Style::Weak, outcome.as_str()),
            Some(outcome) => (Style::Bad, outcome.as_str()),
            None => (Style::Weak, "running"),
        };
        let from = attempt.start.as_secs_f64() * 1e3;
        let to = attempt
            .end
            .map_or_else(String::new, |end| format!("{:.1}", end.as_secs_f64() * 1e3));
        let address = attempt.address.to_string();
        let width = width.unwrap_or(0);
        let bar = format!("{bar:<pad$}", pad = WIDTH as usize + 1);
        out.line(
            Line::from(format!("{address:<width$}  "))
                .and_styled(style, bar)
                .and(format!("  {from:.1} to {to} ms, "))
                .and_styled(style, word.replace('_', " ")),
        );
    }
    for address in report.untried() {
        let width = width.unwrap_or(0);
        let address = address.to_string();
        out.line(Line::from(format!("{address:<width$}  ")).and_styled(Style::Weak, "not tried"));
    }
}
