//! The two parts of an error: the place and the reason.

mod parsers;

use parsers::parse;
use trunkline_service_config::ConfigError;

/// An error has the place as a path and as a JSON pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), and the reason apart from it.
#[test]
fn place_and_reason() {
    let error = parse(r#"{"methodConfig": [{"timeout": 7}]}"#).expect_err("a bad value");
    assert_eq!(error.pointer(), "/methodConfig/0/timeout");
    assert_eq!(error.path(), "methodConfig[0].timeout");
    assert_eq!(error.reason(), "expected a string, found 7");
    let text = "methodConfig[0].timeout: expected a string, found 7";
    assert_eq!(error.to_string(), text);
}

/// The place of the whole config is empty.
#[test]
fn the_whole_config() {
    let error = parse("[]").expect_err("no object");
    assert_eq!(
        (error.pointer(), error.path()),
        (String::new(), String::new())
    );
    assert_eq!(error.to_string(), error.reason());
}

/// `~` and `/` in the name of a field are escaped in a pointer, and nothing else is.
#[test]
fn escapes() {
    let error = ConfigError::new("bad")
        .within("a/b~c")
        .within_item(3)
        .within("[0].x");
    assert_eq!(error.pointer(), "/[0].x/3/a~1b~0c");
}
