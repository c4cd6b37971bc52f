//! Tests of `-H`, the metadata of calls.

use crate::call::backend;
use crate::command::{object, trunkline};

/// Each call has the metadata; a key that ends in `-bin` takes base64.
#[test]
fn calls_have_metadata() {
    let backend = backend("a");
    let target = format!("ipv4:{}", backend.address_v4());
    let (_, object) = object(&[
        "call",
        &target,
        "--service=x",
        "--count=2",
        "-H",
        "Test-A: one two",
        "-H",
        "test-a:three",
        "--header=test-bin: AAE=",
    ]);
    assert_eq!(
        object["errors"][0]["message"],
        "there is no service \"x\"; test-a: one two; test-a: three; test-bin: AAE"
    );
    assert_eq!(object["errors"][0]["count"], 2);
}

/// Metadata that cannot be sent is refused before a call is made, and its value is not printed.
#[test]
fn metadata_that_cannot_be_sent() {
    for header in [
        "grpc-timeout: secret",
        "GRPC-X: secret",
        "te: secret",
        ":authority: secret",
        "a b: secret",
        "key: secret\u{7}",
        "key-bin: secret!",
        "secret",
    ] {
        let ran = trunkline(&["call", "ipv4:127.0.0.1:1", "-H", header]);
        assert_eq!(ran.status, 2, "{header}: {ran:?}");
        assert!(
            ran.stderr.starts_with("error: -H cannot be used: "),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("secret"), "{ran:?}");
    }
}
