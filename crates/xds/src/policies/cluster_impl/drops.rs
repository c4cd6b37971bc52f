//! The calls that are dropped.

use trunkline_lb::PickRng;
use trunkline_status::Status;

use super::config::ClusterImplConfig;
use crate::core::resources::Fraction;
use crate::policies::load_store::{ClusterLoad, DropCount};

/// The categories of drops of a cluster, each with its share and its count.
#[derive(Debug)]
pub(super) struct Drops(Box<[DropRule]>);

#[derive(Debug)]
struct DropRule {
    share: Fraction,
    count: DropCount,
    /// The error of its calls.
    error: Status,
}

impl Drops {
    /// Creates the categories of a configuration. They count in `load`; `note` ends the error of a
    /// call.
    pub(super) fn new(config: &ClusterImplConfig, load: &ClusterLoad, note: &str) -> Self {
        let cluster = &config.cluster;
        let rules = config.drops.iter().map(|drop| {
            let category = &drop.category;
            let text =
                format!("dropped by overload policy {category:?} of cluster {cluster:?}{note}");
            DropRule {
                share: drop.share,
                count: load.dropped(category),
                error: Status::unavailable(text),
            }
        });
        Self(rules.collect())
    }

    /// Draws for each category in order. Returns the error of the call, if it is dropped.
    pub(super) fn draw(&self, rng: &PickRng) -> Option<Status> {
        let is_drawn = |rule: &&DropRule| {
            let draw = rng.below(Fraction::DENOMINATOR as usize);
            u32::try_from(draw).is_ok_and(|draw| rule.share.contains(draw))
        };
        let rule = self.0.iter().find(is_drawn)?;
        rule.count.add();
        Some(rule.error.clone())
    }

    /// Returns how many calls the categories have dropped.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|rule| rule.count.total()).sum()
    }
}
