//! The page `docs/policies.md` is true: each of its configurations is valid, and it names every policy.

use trunkline_lb::PolicyRegistry;
use trunkline_service_config::ServiceConfig;

const PAGE: &str = include_str!("../../../docs/policies.md");

/// The policies that a channel uses by itself, for SRV records.
const FOR_SRV: [&str; 2] = ["priority_groups", "static_weights"];

/// Returns the texts of the code blocks with JSON.
fn configs() -> impl Iterator<Item = &'static str> {
    let blocks = PAGE.split("```json\n").skip(1);
    blocks.filter_map(|block| Some(block.split_once("\n```")?.0))
}

/// Each configuration is valid, and no part of it is ignored.
#[test]
fn configurations_are_valid() {
    let policies = PolicyRegistry::standard();
    for text in configs() {
        let config = ServiceConfig::parse(text, &policies);
        let config = config.unwrap_or_else(|error| panic!("{text}: {error}"));
        let first = config.policy().map(|choice| &*choice.name);
        let is_first = |name: &str| text.contains(&format!(r#"Config": [{{"{name}": "#));
        assert!(first.is_some_and(is_first), "{text}");
    }
}

/// Each policy has a section, and a configuration that names it first.
#[test]
fn every_policy_has_a_section() {
    for name in PolicyRegistry::standard().names() {
        if FOR_SRV.contains(&name) {
            continue;
        }
        let title = name.trim_end_matches("_experimental");
        assert!(PAGE.contains(&format!("\n## {title}\n")), "{name}");
        let first = format!(r#"{{"loadBalancingConfig": [{{"{name}": "#);
        let is_shown = configs().any(|config| config.starts_with(&first));
        assert!(is_shown, "{name} has no configuration");
    }
}
