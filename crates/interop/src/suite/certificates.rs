//! The certificates of servers and clients, made for each run.

use std::path::PathBuf;

use tokio_rustls::rustls::pki_types::CertificateDer;
use trunkline_testkit::certificates::{Authority, Issued};

use crate::wrong::Wrong;

/// A name in the servers' certificate, as in the certificate that gRPC's projects share.
pub(super) const SERVER_NAME: &str = "foo.test.google.fr";

/// A root, a certificate for servers, and certificates for clients. The files that servers read are in a
/// temporary folder.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) server: Issued,
    /// The certificate of clients, from the same root.
    pub(super) client: Issued,
    /// A certificate of clients from another root.
    pub(super) stranger: Issued,
    root: CertificateDer<'static>,
    root_pem: String,
    folder: PathBuf,
}

impl Certificates {
    /// Makes the certificates, and writes the files to a folder, which is removed when this is dropped.
    pub(super) fn make() -> Result<Self, Wrong> {
        let authority = Authority::new("interop root");
        let name = format!("trunkline-interop-{}", std::process::id());
        let made = Self {
            server: authority.issue(&["*.test.google.fr"]),
            client: authority.issue(&["client.test"]),
            stranger: Authority::new("another root").issue(&["stranger.test"]),
            root: authority.der(),
            root_pem: authority.pem(),
            folder: std::env::temp_dir().join(name),
        };
        std::fs::create_dir_all(&made.folder)
            .and_then(|()| std::fs::write(made.certificate(), made.server.chain_pem()))
            .and_then(|()| std::fs::write(made.key(), made.server.key_pem()))
            .and_then(|()| std::fs::write(made.client_ca(), &made.root_pem))
            .map_err(|error| format!("cannot write to {}: {error}", made.folder.display()))?;
        Ok(made)
    }

    /// Returns the root in PEM.
    pub(super) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Returns the root in DER.
    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// Returns the file with the servers' certificate in PEM.
    pub(super) fn certificate(&self) -> PathBuf {
        self.file("certificate.pem")
    }

    /// Returns the file with its key in PEM.
    pub(super) fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    /// Returns the file with the root of client certificates in PEM.
    pub(super) fn client_ca(&self) -> PathBuf {
        self.file("client-ca.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        // A temporary folder that is left behind does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
