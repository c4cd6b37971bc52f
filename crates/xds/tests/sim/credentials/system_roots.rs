//! 6.3: the roots of the platform.
//!
//! Source: [gRFC A82](https://github.com/grpc/proposal/blob/master/A82-xds-system-root-certs.md).

use std::process::Command;

use super::secure_mesh::{SecureMesh, secure, system_roots, tls};

/// The variable with the file of the platform's roots.
const ROOTS: &str = "SSL_CERT_FILE";

/// Set in the process whose platform trusts the authority of the test.
const IS_TRUSTED: &str = "TRUNKLINE_TEST_SYSTEM_ROOTS";

/// A server is trusted if the platform trusts its authority. The environment of a process has what its
/// platform trusts, so a second process makes the call that succeeds.
#[test]
fn xds_6_3_system_roots() {
    let secure_mesh = SecureMesh::new(500);
    secure_mesh.set_cluster(tls(system_roots()));
    if std::env::var_os(IS_TRUSTED).is_some() {
        let file = std::env::var_os(ROOTS).expect("a file");
        std::fs::write(file, secure_mesh.authority.pem()).expect("written");
        assert_eq!(secure_mesh.call(), Ok(secure()));
        return;
    }
    let status = secure_mesh.call().expect_err("an unknown authority");
    assert!(status.message().contains("this platform"), "{status}");
    let test = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "credentials::system_roots::xds_6_3_system_roots"])
        .env(IS_TRUSTED, "1")
        .env(ROOTS, secure_mesh.path("platform.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .expect("the test");
    let output = String::from_utf8_lossy(&test.stdout);
    let has_passed = test.status.success() && output.contains("1 passed");
    assert!(has_passed, "{output}");
}
