//! 6.6: the roots of a SPIFFE trust bundle map.
//!
//! Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline_testkit::certificates::rcgen::SanType;
use trunkline_testkit::certificates::{Authority, Issued};

use super::secure_mesh::{INTERVAL, SecureMesh, secure};

/// Returns a certificate with these URIs.
fn workload(authority: &Authority, uris: &[&str]) -> Issued {
    authority.issue_with(&["orders.mesh.test"], |params| {
        let uris = uris.iter().map(|uri| {
            let uri = (*uri).to_owned().try_into();
            SanType::URI(uri.expect("ASCII"))
        });
        params.subject_alt_names.extend(uris);
    })
}

/// Returns a map with the roots of each trust domain.
fn map(domains: &[(&str, &Authority)]) -> String {
    let domains = domains.iter().map(|(name, authority)| {
        let certificate = STANDARD.encode(authority.der());
        let key = json!({ "kty": "EC", "use": "x509-svid", "x5c": [certificate] });
        ((*name).to_owned(), json!({ "keys": [key] }))
    });
    let domains: serde_json::Map<String, Value> = domains.collect();
    json!({ "trust_domains": domains }).to_string()
}

/// Two trust domains with roots of their own.
struct Domains {
    shop: Authority,
    bank: Authority,
}

impl Domains {
    fn new() -> Self {
        Self {
            shop: Authority::new("shop"),
            bank: Authority::new("bank"),
        }
    }

    /// Returns a mesh whose backend has this certificate. The map replaces the roots in `ca.pem`, which
    /// would accept no server.
    fn mesh(&self, seed: u64, server: &Issued) -> SecureMesh {
        let mut secure_mesh = SecureMesh::with_server(seed, Authority::new("unused"), server);
        let json = map(&[("shop.test", &self.shop), ("bank.test", &self.bank)]);
        let file = secure_mesh.folder.write("bundles.json", json);
        secure_mesh.files.spiffe_trust_bundle_map_file = Some(file);
        secure_mesh
    }
}

/// The trust domain of the server's identity chooses the roots.
#[test]
fn xds_6_6_roots_of_the_trust_domain() {
    let domains = Domains::new();
    let rows = [
        (&domains.shop, "spiffe://shop.test/orders"),
        (&domains.bank, "spiffe://bank.test/orders"),
    ];
    for ((authority, uri), seed) in rows.into_iter().zip(470..) {
        let server = workload(authority, &[uri]);
        assert_eq!(domains.mesh(seed, &server).call(), Ok(secure()));
    }
}

/// Refused are: the identity of one trust domain with the roots of another, a trust domain without
/// roots, and a certificate without exactly one URI that is an identity.
#[test]
fn xds_6_6_no_roots_for_the_server() {
    let domains = Domains::new();
    let other = Authority::new("other");
    let orders = "spiffe://shop.test/orders";
    let rows: [(&Authority, &[&str], &str); 5] = [
        (
            &domains.bank,
            &[orders],
            "was issued by \"CN=bank\", which is not among the roots that were chosen for it",
        ),
        (
            &other,
            &["spiffe://other.test/orders"],
            "the trust domain \"other.test\" is not in the trust bundle map",
        ),
        (
            &domains.shop,
            &[],
            "the certificate of the server has 0 URIs, a SPIFFE one has 1",
        ),
        (
            &domains.shop,
            &[orders, "https://shop.test"],
            "the certificate of the server has 2 URIs, a SPIFFE one has 1",
        ),
        (
            &domains.shop,
            &["https://shop.test"],
            "\"https://shop.test\" is no SPIFFE identity",
        ),
    ];
    for ((authority, uris, expected), seed) in rows.into_iter().zip(480..) {
        let server = workload(authority, uris);
        let status = domains.mesh(seed, &server).call();
        let status = status.expect_err("an untrusted server");
        assert!(status.message().contains(expected), "{status}");
    }
}

/// A map that cannot be used fails the calls, with its place and nothing of its contents. It is used as
/// soon as it is right; one that becomes wrong later leaves the roots of before in use.
#[test]
fn xds_6_6_maps_that_cannot_be_used() {
    let domains = Domains::new();
    let server = workload(&domains.shop, &["spiffe://shop.test/orders"]);
    let secure_mesh = domains.mesh(490, &server);
    let good = map(&[("shop.test", &domains.shop)]);
    let bad = json!({ "trust_domains": { "shop.test": { "keys": [
        { "kty": "EC", "use": "x509-svid", "x5c": [STANDARD.encode("secret")] }
    ] } } });
    let file = secure_mesh.folder.write("bundles.json", bad.to_string());
    let status = secure_mesh.call().expect_err("no roots");
    let expected = format!(
        "certificate provider \"files\" of cluster \"cluster\" cannot be used: {}: trust domain \
         \"shop.test\": a certificate in the given DER cannot be a root",
        file.display()
    );
    assert!(status.message().contains(&expected), "{status}");
    secure_mesh.folder.write("bundles.json", &good);
    let channel = secure_mesh.channel();
    let sim = &secure_mesh.mesh.sim;
    sim.run(async {
        let answer = crate::mesh::call(&channel, "/a.B/C").await;
        assert_eq!(answer, Ok(secure()));
        secure_mesh.folder.write("bundles.json", "{}");
        secure_mesh.mesh.sleep(INTERVAL).await;
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(Duration::from_secs(1)).await;
        let answer = crate::mesh::call(&channel, "/a.B/C").await;
        assert_eq!(answer, Ok(secure()));
    });
    let dump = secure_mesh.mesh.pool.dump();
    let roots = dump[0].certificate_providers[0].roots.as_ref();
    let problem = roots.and_then(|roots| roots.problem.as_deref());
    let expected = format!("{}: trust_domains: must be an object", file.display());
    assert_eq!(problem, Some(&*expected));
}
