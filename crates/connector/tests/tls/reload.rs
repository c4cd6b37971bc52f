//! Certificates and keys that change in their files.
//!
//! Source: the `file_watcher` of [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).

use std::fs;

use trunkline_connector::tls::{Tls, TlsConnector, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};

use crate::folder::Folder;
use crate::support::{NAME, connect_with, connector, failure, serve};

/// Connects, and returns the warning about files.
fn problem(sim: &Sim, connector: &TlsConnector) -> Option<String> {
    let connected = sim.run(connect_with(connector)).expect("a connection");
    connected
        .info
        .tls
        .expect("a description")
        .reload_problem
        .clone()
}

/// New roots count from the next handshake on; a broken file leaves the old ones in use, and the
/// description of the connection gives the reason.
#[test]
fn roots_follow_their_file() {
    let (old, new) = (Authority::new("Old Root"), Authority::new("New Root"));
    let folder = Folder::new("roots");
    folder.write("ca.pem", &old.pem());
    let sim = Sim::new(1);
    let server_side = serve(&sim, server_config(&old.issue(&[NAME])));
    let tls = Tls::new().with_ca_file(folder.path("ca.pem"));
    let connector = connector(&sim, &tls, NAME).expect("valid options");
    assert_eq!(problem(&sim, &connector), None);

    let path = folder.path("ca.pem");
    folder.write("ca.pem", "half a fi");
    let text = format!(
        "{} has no certificate in PEM (`BEGIN CERTIFICATE`)",
        path.display()
    );
    // Twice: what was refused once is not used later.
    assert_eq!(problem(&sim, &connector).as_ref(), Some(&text));
    assert_eq!(problem(&sim, &connector).as_ref(), Some(&text));

    server_side.set_config(server_config(&new.issue(&[NAME])));
    let (kind, message) = failure(sim.run(connect_with(&connector)));
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    let addition = format!("; certificates that were read earlier are in use, because {text}");
    assert!(message.ends_with(&addition), "{message}");

    fs::remove_file(&path).expect("removed");
    let (_, message) = failure(sim.run(connect_with(&connector)));
    let text = format!("{} cannot be read: No such file", path.display());
    assert!(message.contains(&text), "{message}");

    folder.write("ca.pem", &new.pem());
    assert_eq!(problem(&sim, &connector), None);
}

/// A session that was made with the old roots is not resumed with the new ones.
#[test]
fn new_roots_end_old_sessions() {
    let (old, new) = (Authority::new("Old Root"), Authority::new("New Root"));
    let folder = Folder::new("sessions");
    folder.write("ca.pem", &old.pem());
    let sim = Sim::new(1);
    serve(&sim, server_config(&old.issue(&[NAME])));
    let tls = Tls::new().with_ca_file(folder.path("ca.pem"));
    let connector = connector(&sim, &tls, NAME).expect("valid options");
    assert_eq!(problem(&sim, &connector), None);
    folder.write("ca.pem", &new.pem());
    let (kind, _) = failure(sim.run(connect_with(&connector)));
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
}

/// A certificate and its key are replaced both or not at all: while only one of the files is
/// new, the old pair stays in use.
#[test]
fn a_certificate_and_its_key_change_together() {
    let (old, new) = (Authority::new("Old Root"), Authority::new("New Root"));
    let (first, second) = (old.issue(&["client.test"]), new.issue(&["client.test"]));
    let folder = Folder::new("identity");
    folder.write_identity(&first);
    let sim = Sim::new(1);
    let server = Authority::new("Server Root");
    let config = |client: &Authority| {
        let options = ServerOptions {
            client_authority: Some(client.der()),
            ..ServerOptions::default()
        };
        server_config_with(&server.issue(&[NAME]), &options)
    };
    let server_side = serve(&sim, config(&old));
    let (chain, key) = (folder.path("client.pem"), folder.path("client.key"));
    let tls = Tls::new()
        .with_ca_pem(server.pem())
        .with_identity_files(&chain, &key);
    let connector = connector(&sim, &tls, NAME).expect("valid options");
    assert_eq!(problem(&sim, &connector), None);

    folder.write("client.pem", &second.chain_pem());
    let text = format!(
        "the key in {} is not that of the first certificate in {}",
        key.display(),
        chain.display()
    );
    assert_eq!(problem(&sim, &connector), Some(text));

    folder.write("client.key", &second.key_pem());
    server_side.set_config(config(&new));
    assert_eq!(problem(&sim, &connector), None);
}

/// A pipe could block a handshake for ever.
#[test]
fn only_regular_files_are_read() {
    let folder = Folder::new("folder");
    let sim = Sim::new(1);
    let tls = Tls::new().with_ca_file(folder.path("."));
    let error = connector(&sim, &tls, NAME).expect_err("no file");
    assert!(
        error
            .to_string()
            .ends_with("cannot be read: it is not a regular file"),
        "{error}"
    );
}
