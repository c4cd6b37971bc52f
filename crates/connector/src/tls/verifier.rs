//! The callbacks of rustls: they decide as rustls does, but for the name where the user checks it, and
//! record what is needed for error texts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ResolvesClientCert, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor,
};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::name_check::{NameCheck, RefusedByCheck};
use super::observed::{record_rejected, record_wants_certificate};

/// Checks certificates as rustls does, and records those that are refused.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// The check in place of the host name's.
    pub(super) own_check: Option<OwnCheck>,
}

/// Checks the chain of a certificate to the roots, and leaves the name to the user.
#[derive(Debug)]
pub(super) struct OwnCheck {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) check: Arc<dyn NameCheck>,
}

impl OwnCheck {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        // rustls sends no IP address as the server name.
        let sent = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        let checked = self.check.check(end_entity, sent);
        checked.map_err(|error| {
            let refused = OtherError(Arc::new(RefusedByCheck(error)));
            rustls::Error::from(CertificateError::Other(refused))
        })?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = match &self.own_check {
            Some(own) => own.verify(end_entity, intermediates, server_name, now),
            None => self.webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        };
        if verified.is_err() {
            let own = std::iter::once(end_entity);
            let chain = own.chain(intermediates).cloned();
            record_rejected(chain.map(CertificateDer::into_owned).collect());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Gives the client certificate, if there is one, and records that the server asked for it.
#[derive(Debug)]
pub(super) struct ClientCertificate(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientCertificate {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        record_wants_certificate();
        let key = self.0.as_ref()?;
        key.key.choose_scheme(schemes)?;
        Some(Arc::clone(key))
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
