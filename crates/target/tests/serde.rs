//! With the feature `serde`, a target is serialized as its text.
#![cfg(feature = "serde")]

use trunkline_target::Target;

/// A target is read from its text and written as the same text.
#[test]
fn a_target_is_its_text() {
    let json = r#""dns:///orders:5000""#;
    let target: Target = serde_json::from_str(json).expect("a target");
    assert_eq!(target.endpoint(), "orders:5000");
    assert_eq!(serde_json::to_string(&target).expect("json"), json);
}

/// The error contains the parser's message with its suggestion.
#[test]
fn an_error_keeps_its_words() {
    let error = serde_json::from_str::<Target>(r#""dns://orders:5000""#).expect_err("no endpoint");
    assert!(
        error
            .to_string()
            .contains("did you mean `dns:///orders:5000`?")
    );
}
