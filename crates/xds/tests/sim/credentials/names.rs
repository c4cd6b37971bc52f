//! 6.4: the names of a server's certificate.

use std::sync::Arc;

use trunkline_channel::{BuildErrorKind, Channel};
use trunkline_connector::tls::{RootCertificates, Tls};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::RegexMatcher;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_testkit::certificates::rcgen::SanType;
use trunkline_testkit::certificates::{Authority, Issued};

use super::secure_mesh::{SecureMesh, WORKLOAD, mutual_tls, secure, tls, validation};
use crate::mesh::Mesh;

/// Returns a certificate with a name of each kind.
fn all_kinds(authority: &Authority) -> Issued {
    authority.issue_with(&[WORKLOAD, "*.shop.test", "2001:db8::7"], |params| {
        let text = |text: &str| text.to_owned().try_into().expect("ASCII");
        let uri = "spiffe://mesh.test/ns/shop/sa/orders";
        params.subject_alt_names.push(SanType::URI(text(uri)));
        let email = SanType::Rfc822Name(text("orders@mesh.test"));
        params.subject_alt_names.push(email);
    })
}

fn regex(regex: &str) -> MatchPattern {
    MatchPattern::SafeRegex(RegexMatcher {
        regex: regex.into(),
    })
}

/// A name of each kind can be matched by a condition of each kind; an exact one against a DNS name
/// honours a wildcard. One condition that holds is enough.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md), "Server
/// Authorization".
#[test]
fn xds_6_4_conditions_that_hold() {
    use MatchPattern::{Contains, Exact, Prefix, Suffix};
    let accepted = [
        vec![],
        vec![Exact("ORDERS.mesh.test".into())],
        vec![Exact("eu.shop.test".into())],
        vec![Exact("spiffe://mesh.test/ns/shop/sa/orders".into())],
        vec![Exact("orders@mesh.test".into())],
        vec![Exact("2001:db8::7".into())],
        vec![Prefix("spiffe://mesh.test/ns/shop/".into())],
        vec![Suffix("@mesh.test".into())],
        vec![Contains("db8".into())],
        vec![regex("spiffe://mesh\\.test/ns/[a-z]+/sa/orders")],
        vec![Exact("carts.mesh.test".into()), Suffix(".mesh.test".into())],
    ];
    for (conditions, seed) in accepted.into_iter().zip(400..) {
        let authority = Authority::new("a root");
        let server = all_kinds(&authority);
        let secure_mesh = SecureMesh::with_server(seed, authority, &server);
        let shown = format!("{conditions:?}");
        secure_mesh.set_cluster(tls(validation(conditions)));
        assert_eq!(secure_mesh.call(), Ok(secure()), "{shown}");
    }
}

/// A certificate without a name for which a condition holds is refused, and the error has its names.
#[test]
fn xds_6_4_conditions_that_do_not_hold() {
    use MatchPattern::{Contains, Exact, Prefix, Suffix};
    let refused = [
        Exact("carts.mesh.test".into()),
        Exact("a.eu.shop.test".into()),
        Exact("SPIFFE://mesh.test/ns/shop/sa/orders".into()),
        Exact("2001:db8:0::7".into()),
        Prefix("mesh".into()),
        Suffix("mesh".into()),
        Contains("carts".into()),
        // The whole name must match.
        regex("spiffe://mesh\\.test"),
    ];
    for (condition, seed) in refused.into_iter().zip(420..) {
        let authority = Authority::new("a root");
        let server = all_kinds(&authority);
        let secure_mesh = SecureMesh::with_server(seed, authority, &server);
        let shown = format!("{condition:?}");
        secure_mesh.set_cluster(tls(validation([condition])));
        let status = secure_mesh.call().expect_err(&shown);
        let expected = format!(
            "the certificate of the server has no name that the cluster asks for: it is for \
             {WORKLOAD:?}, \"*.shop.test\", \"2001:db8::7\", \
             \"spiffe://mesh.test/ns/shop/sa/orders\", \"orders@mesh.test\""
        );
        assert!(status.message().contains(&expected), "{shown}: {status}");
    }
}

/// A certificate without names fits no condition.
#[test]
fn xds_6_4_no_names() {
    let authority = Authority::new("a root");
    let server = authority.issue(&[]);
    let secure_mesh = SecureMesh::with_server(440, authority, &server);
    secure_mesh.set_cluster(tls(validation([MatchPattern::Prefix("orders".into())])));
    let status = secure_mesh.call().expect_err("no names");
    let expected = "the certificate of the server has no names, and the cluster asks for one";
    assert!(status.message().contains(expected), "{status}");
}

/// The server accepts the client's certificate; without one it refuses the client.
#[test]
fn xds_6_3_mutual_tls() {
    let mut secure_mesh = SecureMesh::new(441);
    secure_mesh.require_clients_of(&secure_mesh.authority);
    let status = secure_mesh.call().expect_err("no client certificate");
    let expected = "a client certificate, and this client has none";
    assert!(status.message().contains(expected), "{status}");
    secure_mesh.write_identity(&secure_mesh.authority.issue(&["client.mesh.test"]));
    secure_mesh.set_cluster(mutual_tls(validation([MatchPattern::Exact(
        WORKLOAD.into(),
    )])));
    assert_eq!(secure_mesh.call(), Ok(secure()));
}

/// 1.8: over TLS no `localhost` takes the place of an authority with escapes, which no certificate could be checked
/// against: the application must choose one.
#[test]
fn xds_1_8_escapes_over_tls() {
    let mesh = Mesh::with_backends(542, [1]);
    let roots = RootCertificates::from_der([Authority::new("a root").der().to_vec()]);
    let roots = roots.expect("a root");
    let builder = || {
        Channel::builder("xds:///shop/orders")
            .with(mesh.xds(mesh.bootstrap()))
            .tls(Tls::new().with_roots(roots.clone()))
            .runtime(Arc::clone(&mesh.runtime))
    };
    let error = builder().build().expect_err("an authority with escapes");
    assert_eq!(error.kind(), BuildErrorKind::Authority);
    let text = error.to_string();
    assert!(
        text.ends_with("; give another with `.authority(..)`"),
        "{text}"
    );
    assert!(builder().authority("orders.shop.test").build().is_ok());
}
