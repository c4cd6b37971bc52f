//! The values of `grpc.tls.handshake.result`.
//!
//! Source: [gRFC A118](https://github.com/grpc/proposal/blob/master/A118-tls-telemetry.md).

use trunkline_channel::{ConnectFailure, ConnectFailureKind, ConnectPhase};

/// The handshake succeeded.
pub(crate) const SUCCESS: &str = "SUCCESS";

/// Returns the value of `grpc.tls.handshake.resumed`.
pub(crate) fn resumption(is_resumed: bool) -> &'static str {
    if is_resumed {
        "RESUMED_HANDSHAKE"
    } else {
        "FULL_HANDSHAKE"
    }
}

/// Returns how a TLS handshake failed; `None` if something else failed.
pub(crate) fn failed_handshake(failure: &ConnectFailure) -> Option<&'static str> {
    if let ConnectFailureKind::TimedOut {
        phase: ConnectPhase::TlsHandshake,
        ..
    } = failure.kind()
    {
        return Some("HANDSHAKE_TIMEOUT");
    }
    tls_error(failure)
}

#[cfg(not(feature = "tls"))]
fn tls_error(_: &ConnectFailure) -> Option<&'static str> {
    None
}

#[cfg(feature = "tls")]
fn tls_error(failure: &ConnectFailure) -> Option<&'static str> {
    use std::error::Error;
    use trunkline_connector::tls::{TlsError, TlsErrorKind as Kind};

    let io = failure.source()?.downcast_ref::<std::io::Error>()?;
    let tls = io.get_ref()?.downcast_ref::<TlsError>()?;
    Some(match tls.kind() {
        Kind::Expired => "CERTIFICATE_EXPIRED",
        Kind::NotYetValid => "CERTIFICATE_NOT_YET_VALID",
        Kind::WrongName => "CERTIFICATE_HOSTNAME_MISMATCH",
        Kind::UnknownIssuer => "CERTIFICATE_AUTHORITY_INVALID",
        Kind::BadCertificate => "CERTIFICATE_VERIFICATION_FAILED",
        Kind::NoAlpn => "NO_APPLICATION_PROTOCOL",
        Kind::Plaintext => "UNEXPECTED_MESSAGE",
        Kind::Closed => "PEER_CONNECTION_CLOSED",
        // No handshake was begun.
        Kind::Roots | Kind::Identity | Kind::ServerName | Kind::Config => return None,
        _ => "UNKNOWN_FAILURE",
    })
}
