//! The policies that are checked, and their configurations.

use std::sync::{Arc, LazyLock};

use trunkline_lb::PolicyRegistry;
use trunkline_service_config::{PolicyChoice, PolicyConfig};

/// What the state of a policy follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is that of gRPC's aggregation: `READY` if a backend is available, else `CONNECTING` if one
    /// is not failing, else `TRANSIENT_FAILURE`.
    Aggregated,
    /// It is `READY` if and only if a backend is available.
    Ready,
    /// It is not `TRANSIENT_FAILURE` while a backend is available.
    NotFailing,
}

/// A policy with a configuration.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: Arc<str>,
    pub(super) config: Arc<dyn PolicyConfig>,
    pub(super) rule: Rule,
    /// Whether it has no configurable children. A new configuration cannot make one of them pending.
    pub(super) is_leaf: bool,
    /// Whether it connects to all endpoints, sooner or later.
    pub(super) tries_all: bool,
    /// In how many picks for each available backend every one of them is picked; `None` if that is a
    /// question of probability, or of the call.
    pub(super) turns: Option<usize>,
}

/// A line of the table: the `loadBalancingConfig`, and the fields of the choice.
type Line = (&'static str, Rule, bool, Option<usize>);

/// One line for each choice. A policy that is there twice has its configuration changed while it runs.
const LINES: &[Line] = &[
    (r#"[{"pick_first": {}}]"#, Rule::Ready, true, None),
    (
        r#"[{"pick_first": {"shuffleAddressList": true}}]"#,
        Rule::Ready,
        true,
        None,
    ),
    (r#"[{"round_robin": {}}]"#, Rule::Aggregated, true, Some(1)),
    (
        r#"[{"weighted_round_robin": {"blackoutPeriod": "0s", "weightExpirationPeriod": "3s"}}]"#,
        Rule::Aggregated,
        true,
        Some(32),
    ),
    (
        r#"[{"weighted_round_robin": {"enableOobLoadReport": true, "blackoutPeriod": "1s",
            "oobReportingPeriod": "2s", "weightUpdatePeriod": "0.4s"}}]"#,
        Rule::Aggregated,
        true,
        Some(32),
    ),
    (
        r#"[{"least_request_experimental": {}}]"#,
        Rule::Aggregated,
        true,
        None,
    ),
    (
        r#"[{"least_request_experimental": {"choiceCount": 9}}]"#,
        Rule::Aggregated,
        true,
        None,
    ),
    (
        r#"[{"ring_hash_experimental": {"minRingSize": 32, "requestHashHeader": "user"}}]"#,
        Rule::Ready,
        true,
        None,
    ),
    (
        r#"[{"ring_hash_experimental": {"minRingSize": 8, "maxRingSize": 16,
            "requestHashHeader": "user"}}]"#,
        Rule::Ready,
        true,
        None,
    ),
    (
        r#"[{"static_weights": {}}]"#,
        Rule::Aggregated,
        true,
        Some(100),
    ),
    (
        r#"[{"random_subsetting_experimental": {"subsetSize": 2,
            "childPolicy": [{"round_robin": {}}]}}]"#,
        Rule::Ready,
        false,
        Some(1),
    ),
    (
        r#"[{"weighted_target_experimental": {"targets": {
            "a": {"weight": 1, "childPolicy": [{"round_robin": {}}]},
            "b": {"weight": 3, "childPolicy": [{"least_request_experimental": {}}]}}}}]"#,
        Rule::Ready,
        true,
        None,
    ),
    (
        r#"[{"priority_experimental": {"children": {
            "a": {"config": [{"round_robin": {}}]},
            "b": {"config": [{"weighted_round_robin": {}}], "ignoreReresolutionRequests": true}},
            "priorities": ["a", "b"]}}]"#,
        Rule::NotFailing,
        true,
        None,
    ),
    (
        r#"[{"priority_experimental": {"children": {
            "b": {"config": [{"round_robin": {}}]},
            "a": {"config": [{"ring_hash_experimental": {"minRingSize": 8,
                "requestHashHeader": "user"}}]}},
            "priorities": ["b", "a"]}}]"#,
        Rule::NotFailing,
        true,
        None,
    ),
    (r#"[{"priority_groups": {}}]"#, Rule::NotFailing, true, None),
    (
        r#"[{"zone_aware": {"childPolicy": [{"round_robin": {}}]}}]"#,
        Rule::NotFailing,
        true,
        None,
    ),
    (
        r#"[{"outlier_detection_experimental": {"interval": "1s", "baseEjectionTime": "2s",
            "maxEjectionPercent": 50,
            "successRateEjection": {"stdevFactor": 500, "minimumHosts": 2, "requestVolume": 1},
            "failurePercentageEjection": {"threshold": 60, "minimumHosts": 1, "requestVolume": 1},
            "childPolicy": [{"round_robin": {}}]}}]"#,
        Rule::Ready,
        true,
        Some(1),
    ),
    (
        r#"[{"outlier_detection_experimental": {"childPolicy": [{"weighted_round_robin": {}}]}}]"#,
        Rule::Ready,
        true,
        None,
    ),
    (
        r#"[{"outlier_detection_experimental": {"interval": "0.5s", "baseEjectionTime": "1s",
            "failurePercentageEjection": {"threshold": 40, "minimumHosts": 2, "requestVolume": 1},
            "childPolicy": [{"priority_groups": {
                "childPolicy": [{"least_request_experimental": {}}]}}]}}]"#,
        Rule::NotFailing,
        true,
        None,
    ),
];

/// All policies of the crate.
pub(super) static REGISTRY: LazyLock<PolicyRegistry> = LazyLock::new(PolicyRegistry::standard);

/// All choices, in the order of the table.
pub(super) static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| {
    let choice = |line: &Line| {
        let (text, rule, tries_all, turns) = *line;
        let list = serde_json::from_str(text).expect("JSON");
        let choice = PolicyChoice::parse(&list, &*REGISTRY).expect("a valid configuration");
        Choice {
            name: choice.name.clone(),
            config: Arc::new(choice),
            rule,
            is_leaf: !text.contains("childPolicy") && !text.contains("children"),
            tries_all,
            turns,
        }
    };
    LINES.iter().map(choice).collect()
});
