//! Roots that are chosen for each server.
//!
//! Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md).

use std::error::Error;

use trunkline_connector::tls::{NameCheck, RootCertificates, RootChoice, Tls, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};

use crate::support::{NAME, ONLY_TLS12, ONLY_TLS13, connect, connect_for, failure, serve};

/// Trusts these roots for one certificate, and none for others.
#[derive(Debug)]
struct For {
    certificate: Vec<u8>,
    roots: RootCertificates,
}

impl RootChoice for For {
    fn choose(&self, certificate: &[u8]) -> Result<RootCertificates, Box<dyn Error + Send + Sync>> {
        if certificate == self.certificate {
            return Ok(self.roots.clone());
        }
        Err("its domain is unknown".into())
    }
}

#[derive(Debug)]
struct AnyName;

impl NameCheck for AnyName {
    fn check(&self, _: &[u8], _: Option<&str>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

fn roots_of(authorities: &[&Authority]) -> RootCertificates {
    let certificates = authorities.iter().map(|one| one.der().to_vec());
    RootCertificates::from_der(certificates).expect("roots")
}

/// The chosen roots replace all others, in both versions of TLS; the name is checked as ever.
#[test]
fn the_choice_replaces_other_roots() {
    let (authority, other) = (Authority::new("Test Root"), Authority::new("Other Root"));
    let server = authority.issue(&[NAME]);
    for versions in [ONLY_TLS12, ONLY_TLS13] {
        let sim = Sim::new(1);
        let options = ServerOptions {
            versions,
            ..ServerOptions::default()
        };
        serve(&sim, server_config_with(&server, &options));
        let choice = For {
            certificate: server.chain[0].to_vec(),
            roots: roots_of(&[&authority]),
        };
        let tls = Tls::new().with_ca_pem(other.pem()).with_root_choice(choice);
        connect(&sim, &tls).expect("the right server");
        let (kind, text) = failure(connect_for(&sim, &tls, "billing.test"));
        assert_eq!(kind, TlsErrorKind::WrongName, "{text}");
    }
}

/// A certificate that does not lead to the chosen roots is refused, with any name.
#[test]
fn the_chain_must_lead_to_the_chosen_roots() {
    let (authority, other) = (Authority::new("Test Root"), Authority::new("Other Root"));
    let server = authority.issue(&[NAME]);
    for roots in [roots_of(&[&other]), roots_of(&[])] {
        let sim = Sim::new(2);
        serve(&sim, server_config(&server));
        let choice = For {
            certificate: server.chain[0].to_vec(),
            roots,
        };
        let tls = Tls::new().with_root_choice(choice).with_name_check(AnyName);
        assert_eq!(
            failure(connect(&sim, &tls)),
            (
                TlsErrorKind::UnknownIssuer,
                "the server's certificate \"CN=orders.test\" was issued by \"CN=Test Root\", which \
                 is not among the roots that were chosen for it, and the server sent no certificate \
                 that leads to one of them"
                    .to_owned()
            )
        );
    }
}

/// A certificate without roots is refused with the text of the choice.
#[test]
fn no_roots_for_a_server() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(3);
    serve(&sim, server_config(&authority.issue(&[NAME])));
    let choice = For {
        certificate: Vec::new(),
        roots: roots_of(&[&authority]),
    };
    assert_eq!(
        failure(connect(&sim, &Tls::new().with_root_choice(choice))),
        (
            TlsErrorKind::UnknownIssuer,
            "its domain is unknown".to_owned()
        )
    );
}
