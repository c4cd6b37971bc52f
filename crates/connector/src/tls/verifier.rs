//! The callbacks of rustls: they decide as rustls does, but for the roots and the name where the user
//! chooses these, and record what is needed for error texts.

use std::error::Error;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ResolvesClientCert, VerifierBuilderError, WebPkiServerVerifier,
    verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::name_check::{NameCheck, RefusedByCheck};
use super::observed::{record_rejected, record_wants_certificate};
use super::options::Tls;
use super::root_choice::{RefusedByChoice, RootChoice};
use super::roots::Roots;

/// Checks certificates, and records those that are refused.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) checks: Checks,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// How certificates are checked.
#[derive(Debug)]
pub(super) enum Checks {
    /// As rustls does.
    Standard(Arc<WebPkiServerVerifier>),
    /// The roots or the names are chosen by the user.
    Own(OwnChecks),
}

/// Checks the chain of a certificate to the roots, and its name: each as rustls does, or as the user
/// wants it.
#[derive(Debug)]
pub(super) struct OwnChecks {
    roots: Arc<RootCertStore>,
    /// In place of `roots`.
    root_choice: Option<Arc<dyn RootChoice>>,
    /// In place of the check of the host name.
    name_check: Option<Arc<dyn NameCheck>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Checks {
    /// Returns the checks that a user asks for.
    pub(super) fn new(
        options: &Tls,
        roots: &Roots,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let store = Arc::new(roots.store.clone());
        if options.root_choice.is_none() && options.name_check.is_none() {
            let provider = Arc::clone(provider);
            let builder = WebPkiServerVerifier::builder_with_provider(store, provider);
            return builder.build().map(Self::Standard);
        }
        Ok(Self::Own(OwnChecks {
            roots: store,
            root_choice: options.root_choice.clone(),
            name_check: options.name_check.clone(),
            algorithms: provider.signature_verification_algorithms,
        }))
    }
}

impl OwnChecks {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let chosen;
        let roots = match &self.root_choice {
            Some(choice) => {
                chosen = choice
                    .choose(end_entity)
                    .map_err(|error| refused(RefusedByChoice(error)))?;
                &chosen.store
            }
            None => &self.roots,
        };
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        let Some(check) = &self.name_check else {
            verify_server_name(&parsed, server_name)?;
            return Ok(ServerCertVerified::assertion());
        };
        // rustls sends no IP address as the server name.
        let sent = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        let checked = check.check(end_entity, sent);
        checked.map_err(|error| refused(RefusedByCheck(error)))?;
        Ok(ServerCertVerified::assertion())
    }
}

/// Returns the error of the user's code as rustls passes it on.
fn refused(error: impl Error + Send + Sync + 'static) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
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
        let verified = match &self.checks {
            Checks::Own(own) => own.verify(end_entity, intermediates, server_name, now),
            Checks::Standard(webpki) => webpki.verify_server_cert(
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
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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
