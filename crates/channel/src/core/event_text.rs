//! The names, levels and texts of events.
//!
//! Logs, inspection, channelz and the command show events by them. A text is one line: what
//! happened, where, why, and what can be done about it.

use std::fmt;

use trunkline_endpoint::Endpoint;
use trunkline_lb::{Ejection, Health, SubchannelState};
use trunkline_resolver::{LookupOutcome, ResolverEvent};

use crate::core::config::ServiceConfigOrigin;
use crate::core::event::ChannelEvent;
use crate::core::failure::{ConnectionLost, ConnectionLostReason};

/// The most endpoints that a text shows.
const ENDPOINTS_SHOWN: usize = 8;

/// How much an event matters to the people who run the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventLevel {
    /// A step of the channel's work.
    Debug,
    /// A change of the channel that is worth a line.
    Info,
    /// Something is wrong: a backend, the network, the name, the configuration.
    Warn,
}

impl ChannelEvent {
    /// Returns the name of the kind of the event, which does not change between versions:
    /// `connect_failed`, for example.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Endpoints(_) => "endpoints",
            Self::ResolverError(_) => "resolver_error",
            Self::Resolver(ResolverEvent::LookupStarted { .. }) => "lookup_started",
            Self::Resolver(_) => "lookup_ended",
            Self::ResolverWaiting { .. } => "resolver_waiting",
            Self::Config { .. } => "config",
            Self::ConfigIgnored(_) => "config_ignored",
            Self::IdleLeft => "idle_left",
            Self::IdleEntered => "idle_entered",
            Self::Policy { .. } => "policy",
            Self::ResolutionAccepted { .. } => "resolution_accepted",
            Self::State(_) => "state",
            Self::SubchannelCreated { .. } => "subchannel_created",
            Self::ConnectStarted { .. } => "connect_started",
            Self::AddressTried { .. } => "address_tried",
            Self::ConnectCancelled { .. } => "connect_cancelled",
            Self::ConnectionScaling { .. } => "connection_scaling",
            Self::ConnectFailed { .. } => "connect_failed",
            Self::Connected { .. } => "connected",
            Self::ServerNameIgnored { .. } => "server_name_ignored",
            Self::Subchannel { .. } => "subchannel_state",
            Self::Health { .. } => "health",
            Self::LoadReportsUnsupported { .. } => "load_reports_unsupported",
            Self::Ejection { .. } => "ejection",
            Self::Weights(_) => "weights",
            Self::SubchannelRemoved { .. } => "subchannel_removed",
            Self::KeepaliveRaised { .. } => "keepalive_raised",
            Self::Lost { .. } => "connection_lost",
        }
    }

    /// Returns how much the event matters.
    #[must_use]
    pub fn level(&self) -> EventLevel {
        match self {
            Self::ResolverError(_)
            | Self::ResolverWaiting {
                has_list: false, ..
            }
            | Self::ConfigIgnored(_)
            | Self::ConnectFailed { .. }
            | Self::ServerNameIgnored { .. }
            | Self::LoadReportsUnsupported { .. }
            | Self::KeepaliveRaised { .. }
            | Self::Ejection {
                ejection: Ejection::Ejected { .. },
                ..
            }
            | Self::Health {
                health: Health::Unhealthy(_) | Health::Failed(_) | Health::Unchecked(_),
                ..
            } => EventLevel::Warn,
            Self::Lost { why, .. } if !is_orderly(why) => EventLevel::Warn,
            Self::Endpoints(_)
            | Self::ResolverWaiting { .. }
            | Self::Config { .. }
            | Self::Policy { .. }
            | Self::State(_)
            | Self::ConnectionScaling { .. }
            | Self::Lost { .. }
            | Self::Ejection {
                ejection: Ejection::Returned,
                ..
            }
            | Self::Health {
                health: Health::Healthy,
                ..
            } => EventLevel::Info,
            _ => EventLevel::Debug,
        }
    }
}

/// Returns true for a loss that belongs to the life of a healthy server.
fn is_orderly(why: &ConnectionLost) -> bool {
    matches!(
        why.reason(),
        ConnectionLostReason::GoAway { code: 0 } | ConnectionLostReason::StreamsUsedUp
    )
}

/// Prints one line: `10.0.0.1:50051: cannot connect: connection refused`, for example.
impl fmt::Display for ChannelEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoints(endpoints) => write_endpoints(endpoints, f),
            Self::ResolverError(error) => error.fmt(f),
            Self::Resolver(event) => write_lookup(event, f),
            Self::ResolverWaiting {
                waits,
                waited,
                has_list,
            } => {
                f.write_str(if *has_list {
                    "no newer list"
                } else {
                    "not resolved"
                })?;
                write!(f, " after {:.1} s", waited.as_secs_f64())?;
                match waits {
                    Some(waits) => write!(f, ", waiting for {waits}"),
                    None => Ok(()),
                }
            }
            Self::Config {
                config,
                origin,
                place,
            } => {
                match config.policy() {
                    Some(choice) => write!(f, "service config with the policy {}", choice.name)?,
                    None => f.write_str(
                        "the service config names no policy: the channel's default is used",
                    )?,
                }
                match (origin, place) {
                    (_, Some(place)) => write!(f, ", from {place}"),
                    (ServiceConfigOrigin::Resolver, None) => f.write_str(", from the resolver"),
                    (ServiceConfigOrigin::Default, None) => Ok(()),
                }
            }
            Self::IdleLeft => f.write_str("the channel left idleness, and resolves its name"),
            Self::IdleEntered => f.write_str("the channel is idle: its connections are closed"),
            Self::Policy { name, replaced } => {
                write!(f, "calls are balanced by {name}")?;
                match replaced {
                    Some(replaced) => write!(f, ", in place of {replaced}"),
                    None => Ok(()),
                }
            }
            Self::ResolutionAccepted {
                endpoints,
                addresses,
            } => {
                let plural = if *endpoints == 1 { "" } else { "s" };
                write!(
                    f,
                    "{endpoints} endpoint{plural} in use, addresses: {addresses}"
                )
            }
            Self::ConfigIgnored(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    let joint = if at == 0 { "" } else { "; " };
                    write!(f, "{joint}{part}")?;
                }
                Ok(())
            }
            Self::State(state) => write!(f, "the channel is {state}"),
            Self::SubchannelCreated { address, .. } => write!(f, "{address} created"),
            Self::ConnectStarted {
                address,
                connection,
                ..
            } => write!(f, "{address}: connecting (connection {connection})"),
            Self::AddressTried { address, fate, .. } => {
                let (peer, outcome) = (fate.address, fate.outcome);
                write!(
                    f,
                    "{address}: tried {peer}: {outcome} after {:?}",
                    fate.elapsed
                )?;
                match &fate.error {
                    Some(error) => write!(f, ": {error}"),
                    None => Ok(()),
                }
            }
            Self::ConnectCancelled { address, .. } => {
                write!(f, "{address}: the attempt to connect was cancelled")
            }
            Self::ConnectionScaling {
                address,
                connections,
                ..
            } => write!(f, "{address}: {connections} full, connecting once more"),
            Self::ConnectFailed { failure, .. } => {
                write!(f, "{}: cannot connect: {failure}", failure.address())
            }
            Self::Connected {
                address,
                info,
                connection,
                ..
            } => {
                write!(f, "{address}: connected to {}", info.peer)?;
                if let Some(tls) = &info.tls {
                    write!(f, " by {} with {}", tls.version, tls.cipher)?;
                }
                write!(f, " (connection {connection})")
            }
            Self::ServerNameIgnored { address, .. } => write!(
                f,
                "the server name {:?} of {address} cannot be sent",
                address.server_name().unwrap_or_default()
            ),
            Self::Subchannel { address, state, .. } => match state {
                SubchannelState::Idle => write!(f, "{address} IDLE"),
                SubchannelState::Connecting => write!(f, "{address} CONNECTING"),
                SubchannelState::Ready => write!(f, "{address} READY"),
                SubchannelState::TransientFailure(status) => {
                    write!(f, "{address} TRANSIENT_FAILURE: {}", status.message())
                }
            },
            Self::Health {
                address,
                service,
                health,
                ..
            } => write!(f, "{address} {service:?}: {health}"),
            Self::LoadReportsUnsupported {
                address, status, ..
            } => write!(f, "{address} reports no load: {status}"),
            Self::Ejection { endpoint, ejection } => {
                write_endpoint(endpoint, f)?;
                write!(f, ": {ejection}")
            }
            Self::Weights(update) => update.fmt(f),
            Self::SubchannelRemoved { address, .. } => write!(f, "{address} removed"),
            Self::KeepaliveRaised { time } => write!(
                f,
                "a server gets too many PINGs; new connections wait {time:?} before one"
            ),
            Self::Lost { address, why, .. } => write!(f, "{address} lost: {why}"),
        }
    }
}

/// Writes a list of endpoints, of a long one the first and their number.
fn write_endpoints(endpoints: &[Endpoint], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match endpoints.len() {
        0 => return f.write_str("no endpoints"),
        1 => f.write_str("1 endpoint: ")?,
        many => write!(f, "{many} endpoints: ")?,
    }
    for (at, endpoint) in endpoints.iter().take(ENDPOINTS_SHOWN).enumerate() {
        if at > 0 {
            f.write_str(" | ")?;
        }
        write_endpoint(endpoint, f)?;
    }
    match endpoints.len().saturating_sub(ENDPOINTS_SHOWN) {
        0 => Ok(()),
        more => write!(f, " | and {more} more"),
    }
}

/// Writes the addresses of an endpoint, and its attributes.
fn write_endpoint(endpoint: &Endpoint, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, address) in endpoint.addresses().iter().enumerate() {
        let joint = if at == 0 { "" } else { ", " };
        write!(f, "{joint}{address}")?;
    }
    for (name, value) in endpoint.attributes().to_strings() {
        write!(f, "  {name}={value}")?;
    }
    Ok(())
}

fn write_lookup(event: &ResolverEvent, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        ResolverEvent::LookupStarted { name } => write!(f, "looking up {name}"),
        ResolverEvent::LookupEnded {
            name,
            elapsed,
            outcome,
        } => {
            write!(f, "{name}: ")?;
            match outcome {
                LookupOutcome::Complete => f.write_str("found")?,
                LookupOutcome::Partial => f.write_str("found in part")?,
                LookupOutcome::Failed(kind) => write!(f, "failed ({kind:?})")?,
                LookupOutcome::Cancelled => f.write_str("not looked up to the end")?,
                _ => f.write_str("ended")?,
            }
            write!(f, " after {elapsed:?}")
        }
        _ => f.write_str("a step of the resolver"),
    }
}
