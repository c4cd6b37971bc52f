//! A config selector chooses the configuration of each call.
//!
//! Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).

use std::time::Duration;

use http::HeaderMap;
use trunkline_endpoint::Attributes;
use trunkline_service_config::{CallInfo, ConfigSelector, ServiceConfig};

mod parsers;

/// A service config is a selector: it chooses by the method's name, and adds no attributes.
#[test]
fn a_service_config_selects_by_method() {
    let json =
        r#"{"methodConfig": [{"name": [{"service": "s", "method": "m"}], "timeout": "2s"}]}"#;
    let config = ServiceConfig::parse(json, &parsers::Parsers).expect("a valid config");
    let (metadata, attributes) = (HeaderMap::new(), Attributes::new());
    for (path, timeout) in [("/s/m", Some(Duration::from_secs(2))), ("/s/other", None)] {
        let call = CallInfo::new(path, &metadata, &attributes);
        let selected = config.select(&call).expect("never an error");
        assert_eq!(selected.method.and_then(|method| method.timeout), timeout);
        assert!(selected.attributes.is_none());
    }
}
