//! Certificates that are read once, and not before each handshake.

use std::path::PathBuf;

use trunkline_connector::tls::{ClientIdentity, RootCertificates, Tls, TlsError, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, ServerOptions, server_config_with};

use crate::folder::Folder;
use crate::support::{NAME, connect, serve};

fn identity(folder: &Folder) -> Result<ClientIdentity, TlsError> {
    ClientIdentity::read(folder.path("client.pem"), folder.path("client.key"))
}

fn roots(path: impl Into<PathBuf>) -> Result<RootCertificates, TlsError> {
    RootCertificates::read(path)
}

/// What was read stays in use when the files have gone.
#[test]
fn files_are_not_read_again() {
    let authority = Authority::new("Test Root");
    let folder = Folder::new("read-once");
    folder.write("ca.pem", &authority.pem());
    folder.write_identity(&authority.issue(&["client.test"]));
    let tls = Tls::new()
        .with_roots(roots(folder.path("ca.pem")).expect("roots"))
        .with_identity(identity(&folder).expect("an identity"));
    drop(folder);
    let sim = Sim::new(1);
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    serve(
        &sim,
        server_config_with(&authority.issue(&[NAME]), &options),
    );
    let connected = connect(&sim, &tls).expect("a connection");
    let info = connected.info.tls.expect("a description");
    assert_eq!(info.reload_problem, None);
}

/// Values are equal when the contents of their files are.
#[test]
fn values_are_compared_by_contents() {
    let authority = Authority::new("Test Root");
    let folder = Folder::new("read-equal");
    folder.write("ca.pem", &authority.pem());
    folder.write("other.pem", &Authority::new("Test Root").pem());
    folder.write_identity(&authority.issue(&["client.test"]));
    let read = |name| roots(folder.path(name)).expect("roots");
    assert_eq!(read("ca.pem"), read("ca.pem"));
    assert_ne!(read("ca.pem"), read("other.pem"));
    let first = identity(&folder).expect("an identity");
    assert_eq!(first, identity(&folder).expect("an identity"));
    folder.write_identity(&authority.issue(&["client.test"]));
    assert_ne!(first, identity(&folder).expect("an identity"));
}

/// An error names the file, and has nothing of a key.
#[test]
fn errors_name_the_file() {
    let authority = Authority::new("Test Root");
    let folder = Folder::new("read-errors");
    let (one, other) = (authority.issue(&["a.test"]), authority.issue(&["b.test"]));
    folder.write("client.pem", &one.chain_pem());
    folder.write("client.key", &other.key_pem());
    folder.write("garbled.pem", "nothing");
    let (certificate, key) = (folder.path("client.pem"), folder.path("client.key"));
    let (garbled, missing) = (folder.path("garbled.pem"), folder.path("missing.pem"));
    let failure = |error: TlsError| (error.kind(), error.to_string());
    assert_eq!(
        identity(&folder).map_err(failure).expect_err("a mismatch"),
        (
            TlsErrorKind::Identity,
            format!(
                "the key in {} is not that of the first certificate in {}",
                key.display(),
                certificate.display()
            )
        )
    );
    assert_eq!(
        roots(&garbled).map_err(failure).expect_err("no PEM"),
        (
            TlsErrorKind::Roots,
            format!(
                "{} has no certificate in PEM (`BEGIN CERTIFICATE`)",
                garbled.display()
            )
        )
    );
    let (kind, text) = roots(&missing).map_err(failure).expect_err("no file");
    assert_eq!(kind, TlsErrorKind::Roots);
    let start = format!("{} cannot be read: ", missing.display());
    assert!(text.starts_with(&start), "{text}");
}
