//! Names that are not ASCII, with the feature `idna`.
//!
//! Source: [UTS 46](https://www.unicode.org/reports/tr46/).

#![cfg(feature = "idna")]

use trunkline::target::Target;
use trunkline::{BuildErrorKind, Channel, ResolverRegistry};

/// A channel can be built to such a name, and its calls send the `xn--` form.
#[test]
fn a_name_is_sent_in_its_ascii_form() {
    let resolvers = ResolverRegistry::standard();
    for (target, authority) in [
        ("dns:///b\u{fc}cher.test", "xn--bcher-kva.test"),
        ("dns:///b\u{fc}cher.test.:50051", "xn--bcher-kva.test:50051"),
        ("srv:///_grpc._tcp.b\u{fc}cher.test", "xn--bcher-kva.test"),
    ] {
        Channel::builder(target).plaintext().build().expect(target);
        let parsed = Target::parse(target).expect(target);
        let factory = resolvers.get(parsed.scheme()).expect("registered");
        let sent = factory.default_authority(&parsed);
        assert_eq!(sent.as_deref(), Some(authority), "{target}");
    }
}

/// A name that has no `xn--` form is an error when the channel is built.
#[test]
fn a_name_without_an_ascii_form_is_an_error() {
    let built = Channel::builder("dns:///xn--b\u{fc}.test")
        .plaintext()
        .build();
    let error = built.expect_err("no name");
    assert_eq!(error.kind(), BuildErrorKind::Target);
    assert!(error.to_string().contains("xn--"), "{error}");
}
