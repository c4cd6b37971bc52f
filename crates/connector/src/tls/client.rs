//! TLS handshakes over streams that exist.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use trunkline_endpoint::Address;
use trunkline_runtime::{Lock, Runtime, Stream};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::explain::{its_names, no_alpn, unix_time};
use super::material::{ALPN_H2, Described, Material, Prepared};
use super::options::Tls;
use super::stream::TlsStream;
use crate::connector::Connected;
use crate::info::{AuthorityValidator, ConnectionInfo, SecurityLevel, TlsInfo};

/// Makes TLS sessions over streams that exist already. Cheap to clone; clones share the sessions
/// that can be resumed.
///
/// A channel uses a [`TlsConnector`](super::TlsConnector), which also makes the stream.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// True when the server name of an address takes the place of `server_name`.
    trusts_address_names: bool,
    configuration: Configuration,
    server_name: ServerName<'static>,
}

#[derive(Debug)]
enum Configuration {
    /// From certificates, whose files may change.
    Material(Box<Lock<Material>>),
    /// The user's own.
    Fixed(Prepared),
}

impl TlsClient {
    /// Loads the certificates. `authority` is the host, with or without a port, for which the
    /// server's certificate must be; [`Tls::with_server_name`] has precedence. `runtime` supplies
    /// the clock by which certificates expire.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, a certificate or key cannot be used, there is no crypto provider,
    /// or the name is not one that a certificate can have.
    pub fn new(tls: &Tls, authority: &str, runtime: Arc<dyn Runtime>) -> Result<Self, TlsError> {
        let server_name = match &tls.server_name {
            Some(name) => parse_name(name)?,
            None => parse_name(host_of(authority))?,
        };
        let configuration = match &tls.config {
            Some(config) => Configuration::Fixed(fixed(tls, config)?),
            None => {
                let clock = Arc::new(Clock(runtime));
                Configuration::Material(Box::new(Lock::new(Material::load(tls.clone(), clock)?)))
            }
        };
        Ok(Self(Arc::new(Inner {
            trusts_address_names: tls.trusts_address_names && tls.server_name.is_none(),
            configuration,
            server_name,
        })))
    }

    /// Returns the name for which the certificate of this address must be.
    pub(super) fn server_name(&self, address: &Address) -> Result<ServerName<'static>, TlsError> {
        match address.server_name() {
            Some(name) if self.0.trusts_address_names => parse_name(host_of(name)),
            _ => Ok(self.0.server_name.clone()),
        }
    }

    /// Does a handshake over `stream`. First reads again the files that certificates are from.
    ///
    /// The caller limits the time. With TLS 1.3, a server that refuses the client's certificate reports
    /// that after the handshake: then the first read fails, with a [`TlsError`] inside.
    ///
    /// # Errors
    ///
    /// When the server does not speak TLS, its certificate is not trusted, it refuses the client, or
    /// the stream fails; see [`TlsErrorKind`].
    pub async fn handshake(&self, stream: Box<dyn Stream>) -> Result<Connected, TlsError> {
        self.handshake_for(stream, &self.0.server_name).await
    }

    /// As [`handshake`](Self::handshake), with a server whose certificate must be for this name.
    pub(super) async fn handshake_for(
        &self,
        stream: Box<dyn Stream>,
        server_name: &ServerName<'static>,
    ) -> Result<Connected, TlsError> {
        let prepared = match &self.0.configuration {
            Configuration::Material(material) => material.lock().prepare(),
            Configuration::Fixed(prepared) => prepared.clone(),
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
                error = error.and(&format!(
                    "; certificates that were read earlier are in use, because {problem}"
                ));
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
            server_name: server_name.clone(),
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
    if !tls.roots.is_empty() || tls.identity.is_some() || tls.provider.is_some() {
        return Err(TlsError::new(
            TlsErrorKind::Config,
            "a configuration of rustls has its own roots, client certificate and provider: drop it, \
             or drop the others",
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

/// Returns the host of an authority: without a port, and without the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match authority.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, port)) if port.contains(':') => authority,
        Some((host, _)) => host,
        None => authority,
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(ip.into()));
    }
    ServerName::try_from(name.to_owned()).map_err(|error| {
        let text = format!(
            "`{name}` is not a name that a certificate can have ({error}): set the one to check \
             with `Tls::with_server_name`"
        );
        TlsError::new(TlsErrorKind::ServerName, text).with_source(error)
    })
}

/// The names for which a server has a certificate.
#[derive(Debug)]
struct CertifiedNames {
    certificate: CertificateDer<'static>,
    /// The name that the handshake checked.
    server_name: ServerName<'static>,
}

impl AuthorityValidator for CertifiedNames {
    fn validate(&self, authority: &str) -> Result<(), String> {
        let host = host_of(authority);
        if host.eq_ignore_ascii_case(&self.server_name.to_str()) {
            return Ok(());
        }
        let name = parse_name(host).map_err(|error| error.to_string())?;
        let covers = ParsedCertificate::try_from(&self.certificate)
            .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok());
        if covers {
            return Ok(());
        }
        let names = Certificate::from_der(&self.certificate)
            .map_or_else(|| "it cannot be read".to_owned(), |own| its_names(&own));
        Err(format!(
            "the server's certificate does not cover it, {names}"
        ))
    }
}
