//! Handshakes over streams that exist, for any name.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use trunkline_runtime::{BoxFuture, Lock, Runtime, Stream};

use super::error::{TlsError, TlsErrorKind};
use super::explain::{no_alpn, unix_time};
use super::material::{ALPN_H2, Described, Material, Prepared};
use super::name::CertifiedNames;
use super::options::Tls;
use super::sourced::Sourced;
use super::stream::TlsStream;
use crate::connector::Connected;
use crate::info::{ConnectionInfo, SecurityLevel, TlsInfo};

/// What handshakes are made with, and the sessions that can be resumed.
#[derive(Debug)]
pub(super) enum Sessions {
    /// From certificates, whose files may change.
    Material(Box<Lock<Material>>),
    /// From certificates that a source replaces.
    Sourced(Box<Lock<Sourced>>),
    /// The user's own configuration.
    Fixed(Prepared),
}

impl Sessions {
    /// Loads the certificates.
    pub(super) fn load(tls: &Tls, runtime: Arc<dyn Runtime>) -> Result<Self, TlsError> {
        if let Some(config) = &tls.config {
            return fixed(tls, config).map(Self::Fixed);
        }
        let clock = Arc::new(Clock(runtime));
        if let Some(source) = &tls.source {
            let sourced = Sourced::new(tls.clone(), Arc::clone(source), clock)?;
            return Ok(Self::Sourced(Box::new(Lock::new(sourced))));
        }
        let material = Material::load(tls.clone(), clock)?;
        Ok(Self::Material(Box::new(Lock::new(material))))
    }

    /// Returns a future that ends when the certificates change; `None` if that is not known.
    pub(super) fn changed(&self) -> Option<BoxFuture<()>> {
        let Self::Sourced(sourced) = self else {
            return None;
        };
        let source = Arc::clone(sourced.lock().source());
        source.changed()
    }

    /// Does a handshake over `stream` with a server whose certificate must be for this name. First
    /// reads again the files that certificates are from.
    pub(super) async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        server_name: &ServerName<'static>,
    ) -> Result<Connected, TlsError> {
        let prepared = match self {
            Self::Material(material) => material.lock().prepare(),
            Self::Sourced(sourced) => sourced.lock().prepare()?,
            Self::Fixed(prepared) => prepared.clone(),
        };
        let session = ClientConnection::new(prepared.config, server_name.clone());
        let session = session.map_err(|error| {
            let text = format!("rustls cannot begin a handshake: {error}");
            TlsError::new(TlsErrorKind::Config, text).with_source(error)
        })?;
        let mut stream = TlsStream::new(session, stream, prepared.described);
        let done = stream.handshake().await;
        let mut info = tls_info(stream.session(), server_name);
        if let Some(info) = &mut info {
            info.reload_problem.clone_from(&prepared.problem);
            info.asked_for_certificate = stream.wants_certificate();
        }
        let alpn = stream.session().alpn_protocol().map(<[u8]>::to_vec);
        let done = done.and_then(|()| match alpn.as_deref() {
            Some(ALPN_H2) => Ok(()),
            _ => Err(no_alpn()),
        });
        if let Err(mut error) = done {
            if let Some(problem) = prepared.problem {
                error = error.with_reload_problem(&problem);
            }
            if error.peer_certificates().is_empty() {
                let certificates = stream.session().peer_certificates().unwrap_or_default();
                error = error.with_certificates(certificates.to_vec());
            }
            return Err(error.with_session(info, alpn));
        }
        let peer = Stream::peer_addr(&stream);
        let certificates = stream.session().peer_certificates().unwrap_or_default();
        let validator = certificates.first().map(|own| CertifiedNames {
            certificate: own.clone(),
            server_name: prepared.proves_name.then(|| server_name.clone()),
        });
        let certificates: Vec<Vec<u8>> = certificates.iter().map(|one| one.to_vec()).collect();
        let mut described = ConnectionInfo::new(peer)
            .with_security(SecurityLevel::PrivacyAndIntegrity)
            .with_peer_certificates(certificates);
        described.alpn = alpn.map(Into::into);
        described.tls = info.map(Arc::new);
        if let Some(validator) = validator {
            described = described.with_authority_validator(validator);
        }
        Ok(Connected::new(Box::new(stream), described))
    }
}

/// Returns the configuration that the user gave, with HTTP/2 in its ALPN.
fn fixed(tls: &Tls, config: &Arc<rustls::ClientConfig>) -> Result<Prepared, TlsError> {
    let has_source = tls.identity.is_some() || tls.source.is_some();
    let has_others = has_source || tls.provider.is_some() || tls.name_check.is_some();
    if !tls.roots.is_empty() || tls.root_choice.is_some() || has_others {
        return Err(TlsError::new(
            TlsErrorKind::Config,
            "a configuration of rustls has its own roots, client certificate, provider and check of \
             names: drop it, or drop the others",
        ));
    }
    let mut config = Arc::clone(config);
    if config.alpn_protocols.is_empty() {
        Arc::make_mut(&mut config).alpn_protocols = vec![ALPN_H2.to_vec()];
    }
    if !config.alpn_protocols.iter().any(|name| name == ALPN_H2) {
        return Err(TlsError::new(
            TlsErrorKind::Config,
            "the ALPN protocols in the configuration of rustls lack `h2`, which gRPC requires",
        ));
    }
    Ok(Prepared {
        config,
        described: Arc::new(Described {
            roots: "the roots of the given configuration".to_owned(),
            identity: None,
        }),
        proves_name: true,
        problem: None,
    })
}

fn tls_info(session: &ClientConnection, server_name: &ServerName<'_>) -> Option<TlsInfo> {
    let version = match session.protocol_version()? {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    };
    let suite = session.negotiated_cipher_suite()?.suite();
    let cipher = suite
        .as_str()
        .map_or_else(|| format!("{suite:?}"), str::to_owned);
    let mut info = TlsInfo::new(version, cipher, server_name.to_str());
    info.resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    Some(info)
}

/// The wall clock of a runtime.
struct Clock(Arc<dyn Runtime>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now: SystemTime = self.0.system_time();
        unix_time(now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(..)")
    }
}
