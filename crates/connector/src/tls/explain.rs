//! Turns the errors of rustls into texts that help.

use std::io;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{AlertDescription, CertificateError, OtherError};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::name_check::RefusedByCheck;
use super::root_choice::RefusedByChoice;
use super::time::CertificateTime;

/// The most names of a certificate that a text lists.
const NAMES_LIMIT: usize = 8;

/// The content types of TLS records: change_cipher_spec, alert, handshake, application_data.
///
/// Source: [RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1).
const TLS_RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// The major version in the header of a TLS record.
///
/// Source: [RFC 8446 section 5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1).
const TLS_MAJOR_VERSION: u8 = 3;

/// What is known of a handshake when it fails.
#[derive(Debug)]
pub(super) struct Situation<'a> {
    /// The first bytes that the server sent.
    pub(super) first_bytes: &'a [u8],
    /// The certificates of the server, if they were refused.
    pub(super) rejected: Vec<CertificateDer<'static>>,
    /// How many root certificates are trusted, and where they are from.
    pub(super) roots: &'a str,
    /// The client's own certificate.
    pub(super) identity: Option<&'a Certificate>,
    /// True when the server asked for a client certificate.
    pub(super) wants_certificate: bool,
    /// True when the server has sent data.
    pub(super) has_data: bool,
}

/// Explains an error of rustls.
pub(super) fn explain(error: rustls::Error, situation: Situation<'_>) -> TlsError {
    let explained = match &error {
        rustls::Error::InvalidMessage(_) if is_foreign(situation.first_bytes) => {
            plaintext(situation.first_bytes)
        }
        rustls::Error::InvalidCertificate(why) => {
            bad_certificate(why, &situation).with_certificates(situation.rejected)
        }
        rustls::Error::AlertReceived(alert) => refused(*alert, &situation),
        rustls::Error::NoApplicationProtocol => no_alpn(),
        rustls::Error::PeerIncompatible(_) => TlsError::new(
            TlsErrorKind::Incompatible,
            format!("the server's TLS does not fit this client's: {error}"),
        ),
        rustls::Error::InvalidMessage(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::PeerMisbehaved(_)
        | rustls::Error::PeerSentOversizedRecord
        | rustls::Error::DecryptError => TlsError::new(
            TlsErrorKind::Protocol,
            format!("the server broke the TLS protocol: {error}"),
        ),
        _ => TlsError::new(
            TlsErrorKind::Protocol,
            format!("the TLS handshake failed: {error}"),
        ),
    };
    explained.with_source(error)
}

/// The server chose no protocol, or another one than HTTP/2.
pub(super) fn no_alpn() -> TlsError {
    TlsError::new(
        TlsErrorKind::NoAlpn,
        "the server did not choose HTTP/2 (\"h2\") by ALPN, and gRPC requires that: is it a gRPC \
         server, or does a proxy in front of it end TLS?",
    )
}

/// The server closed the connection during the handshake.
pub(super) fn closed(first_bytes: &[u8]) -> TlsError {
    if is_foreign(first_bytes) {
        return plaintext(first_bytes);
    }
    let text = if first_bytes.is_empty() {
        "the server closed the connection at the start of the TLS handshake, without an answer: \
         does this port serve TLS?"
    } else {
        "the server closed the connection during the TLS handshake, without a TLS alert"
    };
    TlsError::new(TlsErrorKind::Closed, text)
}

/// Reading or writing failed during the handshake.
pub(super) fn broken(error: io::Error, first_bytes: &[u8]) -> TlsError {
    if is_foreign(first_bytes) {
        return plaintext(first_bytes).with_source(error);
    }
    let hint = if first_bytes.is_empty() {
        ": does this port serve TLS?"
    } else {
        ""
    };
    let text = format!("the connection broke during the TLS handshake ({error}){hint}");
    TlsError::new(TlsErrorKind::Io, text).with_source(error)
}

/// The connection ended after the handshake without an alert, before the server sent data. In the
/// handshake it asked for a client certificate. Servers on BoringSSL refuse one in this way.
pub(super) fn ended_after_handshake(error: io::Error, identity: Option<&Certificate>) -> TlsError {
    let text = format!(
        "the server closed the connection after the TLS handshake, without a TLS alert: it {}",
        asked_for(identity)
    );
    TlsError::new(TlsErrorKind::Closed, text).with_source(error)
}

/// Returns what the server may have missed when it asked for a client certificate.
fn asked_for(identity: Option<&Certificate>) -> String {
    match identity {
        None => "asked for a client certificate, and this client has none".to_owned(),
        Some(own) => format!(
            "asked for a client certificate, and may have refused {}",
            shown(own)
        ),
    }
}

/// Returns the names and the time of a client certificate.
fn shown(own: &Certificate) -> String {
    format!(
        "\"{}\", issued by \"{}\", valid from {} to {}",
        own.subject, own.issuer, own.not_before, own.not_after
    )
}

/// Returns whether the first bytes of a server are no TLS record.
pub(super) fn is_foreign(first_bytes: &[u8]) -> bool {
    match first_bytes {
        [] => false,
        [kind] => !TLS_RECORDS.contains(kind),
        [kind, major, ..] => !TLS_RECORDS.contains(kind) || *major != TLS_MAJOR_VERSION,
    }
}

fn plaintext(first_bytes: &[u8]) -> TlsError {
    /// The type in the header of a SETTINGS frame, and where it is.
    ///
    /// Source: [RFC 9113 section 6.5](https://www.rfc-editor.org/rfc/rfc9113#section-6.5).
    const SETTINGS: u8 = 4;
    const TYPE_AT: usize = 3;
    let text = if first_bytes.first() == Some(&0) && first_bytes.get(TYPE_AT) == Some(&SETTINGS) {
        "the server speaks HTTP/2 without TLS: use a plaintext channel, or the server's TLS port"
            .to_owned()
    } else if first_bytes.starts_with(b"HTTP/") {
        let line = first_bytes
            .split(|byte| *byte == b'\r' || *byte == b'\n')
            .next();
        format!(
            "the server speaks HTTP without TLS, it sent \"{}\": is this the TLS port?",
            line.unwrap_or_default().escape_ascii()
        )
    } else {
        format!(
            "the server does not speak TLS, it sent \"{}\": is this the TLS port?",
            first_bytes[..first_bytes.len().min(64)].escape_ascii()
        )
    };
    TlsError::new(TlsErrorKind::Plaintext, text)
}

fn bad_certificate(why: &CertificateError, situation: &Situation<'_>) -> TlsError {
    let chain = &situation.rejected;
    let certificates: Vec<Certificate> = chain
        .iter()
        .filter_map(|der| Certificate::from_der(der))
        .collect();
    let own = certificates.first();
    match why {
        CertificateError::ExpiredContext { time, not_after } => {
            let not_after = CertificateTime::from_unix(*not_after);
            let expired = certificates
                .iter()
                .position(|one| one.not_after == not_after);
            let text = format!(
                "{} expired at {not_after}, and it is {} now: renew it, or check the clock",
                which(&certificates, expired),
                CertificateTime::from_unix(*time),
            );
            TlsError::new(TlsErrorKind::Expired, text)
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let not_before = CertificateTime::from_unix(*not_before);
            let early = certificates
                .iter()
                .position(|one| one.not_before == not_before);
            let text = format!(
                "{} is not valid before {not_before}, and it is {} now: check the clocks",
                which(&certificates, early),
                CertificateTime::from_unix(*time),
            );
            TlsError::new(TlsErrorKind::NotYetValid, text)
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            let text = format!(
                "{} is not for \"{}\": {}",
                which(&certificates, Some(0)),
                expected.to_str(),
                own.map_or_else(|| "its names cannot be read".to_owned(), its_names),
            );
            TlsError::new(TlsErrorKind::WrongName, text)
        }
        CertificateError::UnknownIssuer => TlsError::new(
            TlsErrorKind::UnknownIssuer,
            unknown_issuer(&certificates, situation),
        ),
        CertificateError::Other(other) if other.0.is::<RefusedByCheck>() => {
            TlsError::new(TlsErrorKind::WrongName, other.0.to_string())
        }
        CertificateError::Other(other) if other.0.is::<RefusedByChoice>() => {
            TlsError::new(TlsErrorKind::UnknownIssuer, other.0.to_string())
        }
        CertificateError::Other(other) if is_ca(other) => {
            let text = format!(
                "{} is that of a certificate authority (CA:TRUE), which cannot be a server's",
                which(&certificates, Some(0)),
            );
            TlsError::new(TlsErrorKind::BadCertificate, text)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let text = format!(
                "{} is not for servers: its extended key usage lacks serverAuth",
                which(&certificates, Some(0)),
            );
            TlsError::new(TlsErrorKind::BadCertificate, text)
        }
        CertificateError::BadSignature => {
            let text = format!(
                "a signature does not fit {}: the server's certificate and key, or two \
                 certificates of its chain, do not belong together",
                which(&certificates, Some(0)),
            );
            TlsError::new(TlsErrorKind::BadCertificate, text)
        }
        CertificateError::BadEncoding if own.is_none() => TlsError::new(
            TlsErrorKind::BadCertificate,
            "the server's certificate cannot be read: it is no X.509 certificate",
        ),
        CertificateError::Other(OtherError(error)) => {
            let which = which(&certificates, Some(0));
            let text = format!("{which} cannot be used: {error}");
            TlsError::new(TlsErrorKind::BadCertificate, text)
        }
        _ => {
            let text = format!("{} cannot be used: {why}", which(&certificates, Some(0)));
            TlsError::new(TlsErrorKind::BadCertificate, text)
        }
    }
}

/// Returns whether the error is that the server uses a certificate authority's certificate.
fn is_ca(error: &OtherError) -> bool {
    // The error's type is webpki's, which is private to rustls.
    error.0.to_string() == "CaUsedAsEndEntity"
}

/// Names a certificate of the server's chain.
fn which(certificates: &[Certificate], at: Option<usize>) -> String {
    let at = at.unwrap_or(0);
    let whose = if at == 0 {
        "the server's certificate"
    } else {
        "an issuer's certificate in the server's chain,"
    };
    match certificates.get(at) {
        Some(one) if !one.subject.is_empty() => format!("{whose} \"{}\"", one.subject),
        _ => whose.trim_end_matches(',').to_owned(),
    }
}

/// Lists the names of a certificate, the first few of them.
pub(super) fn its_names(certificate: &Certificate) -> String {
    let names = &certificate.names;
    if names.is_empty() {
        return "it has no names (a name in its subject does not count)".to_owned();
    }
    let listed = names.iter().take(NAMES_LIMIT);
    let mut text = listed
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES_LIMIT {
        text.push_str(&format!(" and {} more", names.len() - NAMES_LIMIT));
    }
    let verb = if names.len() == 1 {
        "its name is"
    } else {
        "its names are"
    };
    format!("{verb} {text}")
}

fn unknown_issuer(certificates: &[Certificate], situation: &Situation<'_>) -> String {
    let roots = situation.roots;
    let subject = which(certificates, Some(0));
    // The last certificate of the chain that follows from the server's own.
    let mut top = certificates.first();
    for next in certificates.iter().skip(1) {
        if top.is_some_and(|top| top.issuer == next.subject) {
            top = Some(next);
        }
    }
    match (certificates, top) {
        ([own], _) if own.is_self_issued() => {
            format!("{subject} is self-signed, and not among {roots}")
        }
        (_, Some(top)) => format!(
            "{subject} was issued by \"{}\", which is not among {roots}, and the server sent no \
             certificate that leads to one of them",
            top.issuer
        ),
        (_, None) => format!("{subject} was not issued by any of {roots}"),
    }
}

fn refused(alert: AlertDescription, situation: &Situation<'_>) -> TlsError {
    use AlertDescription as Alert;
    let name = alert_name(alert);
    let is_about_certificates = matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::NoCertificate
    );
    match (alert, situation.identity) {
        (Alert::CertificateRequired, None) => wanted(&name),
        (Alert::HandshakeFailure, None) if situation.wants_certificate => wanted(&name),
        (_, None) if is_about_certificates && situation.wants_certificate => wanted(&name),
        (Alert::CertificateRequired, Some(own)) => TlsError::new(
            TlsErrorKind::ClientCertificateRefused,
            format!(
                "the server requires a client certificate of another kind than \"{}\", for which \
                 it offers no signature scheme (TLS alert {name})",
                own.subject
            ),
        ),
        (_, Some(own)) if is_about_certificates && situation.wants_certificate => {
            let text = format!(
                "the server refused the client certificate {} (TLS alert {name}{})",
                shown(own),
                meaning(alert),
            );
            TlsError::new(TlsErrorKind::ClientCertificateRefused, text)
        }
        (Alert::NoApplicationProtocol, _) => no_alpn(),
        (Alert::ProtocolVersion, _) => TlsError::new(
            TlsErrorKind::Incompatible,
            "the server and this client have no TLS version in common (TLS alert \
             protocol_version): one of the two is limited to an older or a newer one",
        ),
        (Alert::HandshakeFailure | Alert::InsufficientSecurity, _) => TlsError::new(
            TlsErrorKind::Incompatible,
            format!(
                "the server and this client have no cipher suite, key exchange or signature scheme \
                 in common (TLS alert {name})"
            ),
        ),
        (Alert::UnrecognisedName, _) => TlsError::new(
            TlsErrorKind::Alert,
            format!("the server does not serve the name that it was asked for (TLS alert {name})"),
        ),
        // grpc-java sends internal_error for a client certificate that it does not trust.
        _ if situation.wants_certificate && !situation.has_data => TlsError::new(
            TlsErrorKind::Alert,
            format!(
                "the server ended the TLS session with the alert {name}: it {}",
                asked_for(situation.identity)
            ),
        ),
        _ => TlsError::new(
            TlsErrorKind::Alert,
            format!("the server ended the TLS session with the alert {name}"),
        ),
    }
}

fn wanted(alert: &str) -> TlsError {
    TlsError::new(
        TlsErrorKind::ClientCertificateWanted,
        format!(
            "the server requires a client certificate, and this client has none (TLS alert {alert})"
        ),
    )
}

/// Returns what an alert means about a client certificate.
fn meaning(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => ": its issuer is unknown there",
        AlertDescription::CertificateExpired => ": it is not valid at this time",
        AlertDescription::CertificateRevoked => ": it was revoked",
        AlertDescription::AccessDenied => ": its holder may not use the server",
        AlertDescription::DecryptError => ": a signature does not fit",
        _ => "",
    }
}

/// Returns the name of an alert as RFC 8446 writes it, such as `unknown_ca`.
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca".to_owned(),
        AlertDescription::UnknownPSKIdentity => "unknown_psk_identity".to_owned(),
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        AlertDescription::Unknown(number) => number.to_string(),
        _ => {
            let mut name = String::new();
            for c in format!("{alert:?}").chars() {
                if c.is_ascii_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            name
        }
    }
}

/// Returns the time of a clock as rustls needs it.
pub(super) fn unix_time(now: std::time::SystemTime) -> Option<UnixTime> {
    let since = now.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixTime::since_unix_epoch(since))
}
