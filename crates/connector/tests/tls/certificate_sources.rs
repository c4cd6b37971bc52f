//! Certificates that a program replaces while it runs.

use std::sync::{Arc, Mutex};

use trunkline_connector::tls::{
    CertificateSource, CurrentCertificates, RootCertificates, Tls, TlsErrorKind,
};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::folder::Folder;
use crate::support::{NAME, connect_with, connector, failure, serve};

/// What a test sets.
#[derive(Clone, Debug)]
struct Given(Arc<Mutex<Result<CurrentCertificates, String>>>);

impl Given {
    fn nothing() -> Self {
        Self(Arc::new(Mutex::new(Err("nothing was given".to_owned()))))
    }

    fn set(&self, current: CurrentCertificates) {
        *self.0.lock().expect("no panic") = Ok(current);
    }
}

impl CertificateSource for Given {
    fn current(&self) -> Result<CurrentCertificates, String> {
        self.0.lock().expect("no panic").clone()
    }
}

fn roots_of(authority: &Authority) -> CurrentCertificates {
    let roots = RootCertificates::from_der([authority.der().to_vec()]);
    CurrentCertificates::default().with_roots(roots.expect("a root"))
}

/// A connector is made without certificates. Each handshake has those of its moment: none yet, others, and
/// those that are in use for a reason, which is in what is known of the connection.
#[test]
fn each_handshake_has_those_of_its_moment() {
    let sim = Sim::new(1);
    let (authority, other) = (Authority::new("Test Root"), Authority::new("Other Root"));
    let server = serve(&sim, server_config(&authority.issue(&[NAME])));
    let given = Given::nothing();
    let tls = Tls::new().with_certificate_source(given.clone());
    let connector = connector(&sim, &tls, NAME).expect("valid options");
    let connect = || sim.run(connect_with(&connector));
    let expected = (TlsErrorKind::Source, "nothing was given".to_owned());
    assert_eq!(failure(connect()), expected);

    given.set(roots_of(&authority));
    let info = connect().expect("a connection").info.tls.expect("TLS");
    assert_eq!(
        (info.resumed, info.reload_problem.as_deref()),
        (false, None)
    );
    given.set(roots_of(&authority).with_problem("old".to_owned()));
    let info = connect().expect("a connection").info.tls.expect("TLS");
    assert_eq!(
        (info.resumed, info.reload_problem.as_deref()),
        (true, Some("old"))
    );

    // No session of before is resumed.
    given.set(roots_of(&other));
    let (kind, text) = failure(connect());
    assert_eq!(kind, TlsErrorKind::UnknownIssuer, "{text}");
    server.set_config(server_config(&other.issue(&[NAME])));
    connect().expect("the right server");
}

/// Without roots of the source, those of the options are trusted.
#[test]
fn roots_of_the_options() {
    let sim = Sim::new(2);
    let authority = Authority::new("Test Root");
    serve(&sim, server_config(&authority.issue(&[NAME])));
    let given = Given::nothing();
    given.set(CurrentCertificates::default());
    let tls = Tls::new().with_ca_pem(authority.pem());
    let tls = tls.with_certificate_source(given);
    let connector = connector(&sim, &tls, NAME).expect("valid options");
    sim.run(connect_with(&connector)).expect("a connection");
}

/// What the source would replace, or would not follow, is an error.
#[test]
fn options_that_exclude_a_source() {
    let sim = Sim::new(3);
    let (folder, authority) = (Folder::new("source-options"), Authority::new("Test Root"));
    let own = authority.issue(&["client.test"]);
    folder.write("ca.pem", &authority.pem());
    let source = || Tls::new().with_certificate_source(Given::nothing());
    for tls in [
        source().with_identity_pem(own.chain_pem(), own.key_pem()),
        source().with_ca_file(folder.path("ca.pem")),
    ] {
        let error = connector(&sim, &tls, NAME).expect_err("a conflict");
        assert_eq!(error.kind(), TlsErrorKind::Config, "{error}");
    }
}
