//! The names under which a service config finds policies.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline_lb::{Policy, PolicyFactory, PolicyOptions, PolicyRegistry, RoundRobinFactory};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers};

/// round_robin under another name.
#[derive(Debug)]
struct Named(&'static str);

impl PolicyFactory for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        RoundRobinFactory.parse_config(config, policies)
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        RoundRobinFactory.build(options)
    }
}

fn found(registry: &PolicyRegistry, name: &str) -> Option<String> {
    registry.get(name).map(|factory| factory.name().to_owned())
}

/// gRPC's policies are named `.._experimental` while they are young. The short name finds them, in a
/// service config too, and the long name never finds a short one.
#[test]
fn experimental_names() {
    let registry = PolicyRegistry::empty()
        .with(Named("young_experimental"))
        .with(Named("old"));
    let names = ["young", "young_experimental", "old", "old_experimental", ""];
    assert_eq!(
        names.map(|name| found(&registry, name)),
        [
            Some("young_experimental".to_owned()),
            Some("young_experimental".to_owned()),
            Some("old".to_owned()),
            None,
            None,
        ]
    );
    let choice = PolicyChoice::parse(&json!([{ "young": {} }]), &registry);
    assert_eq!(&*choice.expect("a known policy").name, "young");
}

/// A policy with exactly the name that is asked for comes first.
#[test]
fn exact_name_wins() {
    let registry = PolicyRegistry::empty()
        .with(Named("ring_experimental"))
        .with(Named("ring"));
    assert_eq!(found(&registry, "ring"), Some("ring".to_owned()));
    let long = found(&registry, "ring_experimental");
    assert_eq!(long, Some("ring_experimental".to_owned()));
}
