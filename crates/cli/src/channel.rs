//! The channel that `call` and `watch` use.

use std::sync::Arc;
use std::time::Duration;

use trunkline::xds::Xds;
use trunkline::{Channel, Observer, Runtime, Tls};

use crate::args::{AttemptArgs, ChannelArgs, IdleTimeout};
use crate::failure::Failure;
use crate::lookup::DnsFiles;
use crate::{attempts, health_check, lb};

/// The files that the command line names.
#[derive(Debug)]
pub(crate) struct ChannelFiles {
    dns: DnsFiles,
    tls: Option<Tls>,
    xds: Xds,
}

impl ChannelArgs {
    /// Opens the files; waits at most for `timeout` for the end of a pipe.
    pub(crate) fn open(&self, timeout: Option<Duration>) -> Result<ChannelFiles, Failure> {
        Ok(ChannelFiles {
            dns: self.dns.open(timeout)?,
            tls: self.tls.open(timeout)?,
            xds: self.bootstrap.open(timeout)?,
        })
    }
}

/// Builds the channel that the command line asks for. It reports its events to `observer`.
/// `idle_timeout` is the one where the command line has none.
pub(crate) fn build(
    args: &ChannelArgs,
    attempts: &AttemptArgs,
    files: ChannelFiles,
    idle_timeout: IdleTimeout,
    runtime: Arc<dyn Runtime>,
    observer: impl Observer + 'static,
) -> Result<Channel, Failure> {
    if let Some(policy) = &args.lb {
        lb::check(policy)?;
    }
    let mut dns = files.dns.options();
    dns.pacing.min_interval = args.min_resolution_interval;
    let builder = Channel::builder(args.target.as_str());
    let builder = match files.tls {
        Some(tls) => builder.tls(tls),
        None => builder.plaintext(),
    };
    let mut builder = builder
        .proxy(args.proxy.setting()?)
        .runtime(runtime)
        .dns(dns)
        // Clusters without TLS have the security of the command line.
        .with(files.xds.with_xds_credentials());
    builder = attempts::configure(builder, attempts, args.lb.as_deref());
    builder = health_check::configure(builder, args)?;
    if let Some(config) = &args.service_config {
        builder = builder.default_service_config(config.as_str());
    }
    if let Some(keepalive) = args.keepalive {
        builder = builder.keepalive(keepalive);
    }
    builder = match args.idle_timeout.unwrap_or(idle_timeout) {
        IdleTimeout::After(time) => builder.idle_timeout(time),
        IdleTimeout::Never => builder.disable_idle_timeout(),
    };
    if let Some(authority) = &args.authority {
        builder = builder.authority(authority.as_str());
    }
    builder.observer(observer).build().map_err(|error| {
        Failure::unusable(build_kind(&error), error.to_string()).suggest(build_hint(&error))
    })
}

fn build_kind(error: &trunkline::BuildError) -> &'static str {
    use trunkline::BuildErrorKind as Kind;
    match error.kind() {
        Kind::Target | Kind::Scheme => "invalid_target",
        Kind::Authority => "invalid_authority",
        Kind::ServiceConfig => "invalid_service_config",
        Kind::Tls => "invalid_tls",
        Kind::Proxy => "invalid_proxy",
        _ => "invalid_channel",
    }
}

fn build_hint(error: &trunkline::BuildError) -> Option<&'static str> {
    use trunkline::BuildErrorKind as Kind;
    Some(match error.kind() {
        Kind::Target => "`trunkline target TARGET` shows the parts of a target",
        Kind::Scheme => "give a target such as `dns:///orders.prod.svc:50051`",
        Kind::Authority => "give another with --authority",
        Kind::Proxy => "give `--proxy none` to connect directly",
        Kind::ServiceConfig => "give --lb round_robin or another policy, or valid JSON",
        _ => return None,
    })
}
