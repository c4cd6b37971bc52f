//! Channels, subchannels and sockets as the messages of the service.

use trunkline_connector::{ConnectionInfo, SecurityLevel};
use trunkline_lb::ConnectivityState;
use trunkline_runtime::{PeerAddr, UnixAddr};
use trunkline_transport::ConnectionStats;

use crate::clock::Clock;
use crate::counters::CallTotals;
use crate::parts::{Socket, Subchannel};
use crate::proto;
use crate::record::ChannelRecord;
use crate::trace::{Trace, TraceEvent};
use crate::tree::Tree;

use proto::channel_connectivity_state::State;
use proto::channel_trace_event::ChildRef;

/// Returns the message of a channel.
pub(crate) fn channel(record: &ChannelRecord) -> proto::Channel {
    let tree = record.tree.lock();
    let subchannels = tree.live_subchannels();
    proto::Channel {
        r#ref: Some(proto::ChannelRef {
            channel_id: record.id,
            name: record.target.clone(),
        }),
        data: Some(proto::ChannelData {
            target: record.target.clone(),
            ..channel_data(
                tree.state(),
                trace(tree.trace(), &tree, record.clock),
                record.calls.totals(),
                record.clock,
            )
        }),
        subchannel_ref: subchannels
            .map(|(id, own)| subchannel_ref(id, own))
            .collect(),
        ..proto::Channel::default()
    }
}

/// Returns the message of a subchannel; `None` if the channel has ended, or has none with this id.
pub(crate) fn subchannel(record: &ChannelRecord, id: i64) -> Option<proto::Subchannel> {
    let connections_limit = record.channel()?.connections_per_subchannel();
    let tree = record.tree.lock();
    let subchannel = tree.subchannel(id)?;
    let sockets = tree.sockets_of(subchannel);
    Some(proto::Subchannel {
        r#ref: Some(subchannel_ref(id, subchannel)),
        data: Some(proto::ChannelData {
            target: subchannel.name.clone(),
            max_connections_per_subchannel: u32::try_from(connections_limit).unwrap_or(u32::MAX),
            ..channel_data(
                subchannel.state,
                trace(&subchannel.trace, &tree, record.clock),
                subchannel.counters.calls.totals(),
                record.clock,
            )
        }),
        socket_ref: sockets.map(|(id, own)| socket_ref(id, own)).collect(),
        ..proto::Subchannel::default()
    })
}

/// Returns what channels and subchannels have in common.
fn channel_data(
    state: ConnectivityState,
    trace: proto::ChannelTrace,
    calls: CallTotals,
    clock: Clock,
) -> proto::ChannelData {
    let last_started = calls.last_started;
    proto::ChannelData {
        state: Some(proto::ChannelConnectivityState {
            state: match state {
                ConnectivityState::Idle => State::Idle,
                ConnectivityState::Connecting => State::Connecting,
                ConnectivityState::Ready => State::Ready,
                ConnectivityState::TransientFailure => State::TransientFailure,
                ConnectivityState::Shutdown => State::Shutdown,
            }
            .into(),
        }),
        trace: Some(trace),
        calls_started: number(calls.started),
        calls_succeeded: number(calls.succeeded),
        calls_failed: number(calls.failed),
        last_call_started_timestamp: last_started.map(|nanos| clock.timestamp_of_nanos(nanos)),
        ..proto::ChannelData::default()
    }
}

fn trace(trace: &Trace, tree: &Tree, clock: Clock) -> proto::ChannelTrace {
    let event = |event: &TraceEvent| proto::ChannelTraceEvent {
        description: event.text.to_string(),
        severity: event.severity.into(),
        timestamp: Some(clock.timestamp(event.at)),
        child_ref: event.child.and_then(|id| {
            let child = tree.subchannel(id)?;
            Some(ChildRef::SubchannelRef(subchannel_ref(id, child)))
        }),
    };
    proto::ChannelTrace {
        num_events_logged: number(trace.logged()),
        creation_timestamp: Some(clock.timestamp(trace.created())),
        events: trace.events().map(event).collect(),
    }
}

fn subchannel_ref(id: i64, subchannel: &Subchannel) -> proto::SubchannelRef {
    proto::SubchannelRef {
        subchannel_id: id,
        name: subchannel.name.clone(),
    }
}

fn socket_ref(id: i64, socket: &Socket) -> proto::SocketRef {
    proto::SocketRef {
        socket_id: id,
        name: socket.info.peer.to_string(),
    }
}

/// Returns the message of a socket. `stats` are its numbers, if the connection still takes calls.
pub(crate) fn socket(
    id: i64,
    socket: &Socket,
    stats: Option<&ConnectionStats>,
    clock: Clock,
) -> proto::Socket {
    let info = &socket.info;
    let server_name = info.tls.as_ref().map(|tls| tls.server_name.clone());
    let counted = stats.map(|stats| socket_data(stats, clock));
    let local = stats.and_then(|stats| stats.local_addr.as_ref());
    proto::Socket {
        r#ref: Some(socket_ref(id, socket)),
        data: Some(proto::SocketData {
            messages_sent: number(socket.messages.sent()),
            messages_received: number(socket.messages.received()),
            ..counted.unwrap_or_default()
        }),
        local: local.map(address),
        remote: Some(address(&info.peer)),
        security: security(info),
        remote_name: server_name.unwrap_or_default(),
    }
}

/// Returns the numbers of a connection.
fn socket_data(stats: &ConnectionStats, clock: Clock) -> proto::SocketData {
    let last_started = stats.last_stream_started;
    proto::SocketData {
        streams_started: number(stats.streams_started),
        streams_succeeded: number(stats.streams_succeeded),
        streams_failed: number(stats.streams_failed),
        keep_alives_sent: number(stats.keepalives_sent),
        last_local_stream_created_timestamp: last_started.map(|at| clock.timestamp(at)),
        // What the server grants this side, and the other way round.
        local_flow_control_window: Some(stats.send_window.into()),
        remote_flow_control_window: Some(stats.receive_window.into()),
        received_goaway_error: stats.go_away,
        // Without a limit, HTTP/2 allows as many streams as there are identifiers.
        peer_max_concurrent_streams: stats.max_concurrent_streams.unwrap_or(u32::MAX),
        ..proto::SocketData::default()
    }
}

fn address(address: &PeerAddr) -> proto::Address {
    use proto::address::{Address, OtherAddress, TcpIpAddress, UdsAddress};
    let address = match address {
        PeerAddr::Ip(address) => Address::TcpipAddress(TcpIpAddress {
            ip_address: match address.ip() {
                std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
                std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
            },
            port: address.port().into(),
        }),
        PeerAddr::Unix(UnixAddr::Path(path)) => Address::UdsAddress(UdsAddress {
            filename: path.to_string_lossy().into_owned(),
        }),
        // An abstract name, and kinds of addresses that come later.
        other => Address::OtherAddress(OtherAddress {
            name: other.to_string(),
            value: None,
        }),
    };
    proto::Address {
        address: Some(address),
    }
}

/// Returns how a socket is protected; `None` if it is not.
fn security(info: &ConnectionInfo) -> Option<proto::Security> {
    use proto::security::tls::CipherSuite;
    use proto::security::{Model, OtherSecurity, Tls};
    let model = if let Some(tls) = &info.tls {
        let certificate = info.peer_certificates.first();
        Model::Tls(Tls {
            cipher_suite: Some(CipherSuite::StandardName(standard_name(&tls.cipher))),
            // The certificate of this side is not known.
            local_certificate: Vec::new(),
            remote_certificate: certificate.cloned().unwrap_or_default(),
        })
    } else {
        let name = match info.security {
            SecurityLevel::None => return None,
            SecurityLevel::IntegrityOnly => "integrity only",
            SecurityLevel::PrivacyAndIntegrity => "privacy and integrity",
        };
        Model::Other(OtherSecurity {
            name: name.to_owned(),
            value: None,
        })
    };
    Some(proto::Security { model: Some(model) })
}

/// Returns the name of a cipher suite in the registry of TLS. rustls writes `TLS13_` where that has
/// `TLS_`.
///
/// Source: [RFC 8446 section B.4](https://www.rfc-editor.org/rfc/rfc8446#appendix-B.4).
fn standard_name(cipher: &str) -> String {
    match cipher.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => cipher.to_owned(),
    }
}

/// Returns a counter as the service has them.
fn number(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}
