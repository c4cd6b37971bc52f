//! Service configs: any text parses, or fails with an error that has a place; what parses is printed
//! and parsed again.

use serde_json::Value;
use trunkline_lb::PolicyRegistry;
use trunkline_service_config::{
    Client, ConfigError, ServiceConfig, choose_from_txt, parse_duration,
};

/// A config is printed as JSON that parses to an equal config, and that is printed the same way
/// again. A config whose JSON goes through serde_json has the same result. The JSON pointers of errors
/// and of ignored parts lead into the text.
pub fn service_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let policies = PolicyRegistry::standard();
    let parsed = ServiceConfig::parse(text, &policies);
    match &parsed {
        Ok(config) => {
            let printed = config.to_json();
            let again = ServiceConfig::parse(&printed, &policies);
            let again = again.unwrap_or_else(|error| panic!("{printed}: {error}"));
            assert_eq!(again, *config, "{printed}");
            assert_eq!(again.to_json(), printed);
        }
        Err(error) => assert!(!error.reason().is_empty()),
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let through_serde = ServiceConfig::parse(&value.to_string(), &policies);
        assert_eq!(through_serde, parsed, "{value}");
        match &parsed {
            Ok(config) => {
                for part in config.ignored() {
                    let found = value.pointer(&part.pointer);
                    assert!(found.is_some(), "{part}: {value}");
                }
            }
            Err(error) => error_leads_into(&value, error),
        }
    }
    if let Ok(duration) = parse_duration(text) {
        let nanos = format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos());
        assert_eq!(parse_duration(&nanos), Ok(duration));
    }
    let client = Client::new(50, Some("host"));
    if let Ok(Some(chosen)) = choose_from_txt([text], &client) {
        serde_json::from_str::<Value>(&chosen).expect("a chosen config is JSON");
    }
}

/// An error points to a value, or to a field that is missing in a value.
fn error_leads_into(value: &Value, error: &ConfigError) {
    let pointer = error.pointer();
    let around = pointer.rsplit_once('/').map_or("", |(around, _)| around);
    let is_missing = error.reason() == "is missing";
    let place = if is_missing { around } else { &*pointer };
    assert!(value.pointer(place).is_some(), "{error}: {value}");
}
