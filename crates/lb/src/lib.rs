#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// The modules from the ground up: a file uses those above it, never those below.

// Values.
mod connectivity;
mod ejection;
mod health;
mod labels;
mod subchannel;
mod subchannel_ids;
mod subchannel_pool;
mod subchannel_table;
mod watch;
mod weights;

mod inspection;

#[doc(hidden)]
pub mod protobuf;

mod orca;

// The data path: how calls choose a subchannel, and how their attempts end.
mod attempt;
mod per_thread;
mod picker;
mod weighted_turns;

// The contract between a policy and its channel.
mod control;
mod policy;
mod registry;

// What several policies share.
mod forward;

mod child;
mod child_trackers;
mod errors;
mod graceful_switch;
mod repeated_watch;

mod health_check;
mod orca_streams;
mod sharding;

mod children;

// The policies, and the registry that has them all.
mod pick_first;

mod least_request;
mod ring_hash;
mod round_robin;
mod static_weights;
mod weighted_round_robin;

mod priority;
mod random_subsetting;
mod weighted_target;
mod zone_aware;

mod outlier_detection;

mod standard;

#[cfg(feature = "testing")]
pub mod testing;

pub use crate::attempt::{AttemptOutcome, AttemptTracker};
pub use crate::child::Child;
pub use crate::child_trackers::ChildTrackers;
pub use crate::children::{HierarchyPath, NamedChild, NamedChildren, endpoints_by_child};
pub use crate::connectivity::ConnectivityState;
pub use crate::control::{Action, Actions, Control, Published};
pub use crate::ejection::{DetectionMethod, Ejection, NotEjected};
pub use crate::graceful_switch::GracefulSwitch;
pub use crate::health::{Health, ServingStatus};
pub use crate::inspection::{ChildNode, EndpointNode, FactValue, Facts, PolicyNode};
pub use crate::labels::WeightedTargetName;
pub use crate::least_request::{LeastRequest, LeastRequestConfig, LeastRequestFactory};
pub use crate::orca::LoadReport;
pub use crate::orca_streams::OutOfBandReports;
pub use crate::outlier_detection::{
    FailurePercentageEjection, OutlierDetection, OutlierDetectionConfig, OutlierDetectionFactory,
    SuccessRateEjection,
};
pub use crate::per_thread::{PerThread, PickRng};
pub use crate::pick_first::{PickFirst, PickFirstConfig, PickFirstFactory};
pub use crate::picker::{Pick, PickRequest, Picker};
pub use crate::policy::{OldList, Policy, Update};
pub use crate::priority::{
    Priority, PriorityChild, PriorityConfig, PriorityFactory, PriorityGroupsConfig,
    PriorityGroupsFactory,
};
pub use crate::random_subsetting::{
    RandomSubsetting, RandomSubsettingConfig, RandomSubsettingFactory,
};
pub use crate::registry::{PolicyFactory, PolicyOptions, PolicyRegistry};
pub use crate::ring_hash::{HashKey, RequestHash, RingHash, RingHashConfig, RingHashFactory};
pub use crate::round_robin::{RoundRobin, RoundRobinConfig, RoundRobinFactory};
pub use crate::sharding::{EndpointChild, EndpointSharding, ReadyList};
pub use crate::static_weights::{StaticWeights, StaticWeightsConfig, StaticWeightsFactory};
pub use crate::subchannel::{ParseSubchannelIdError, SubchannelId, SubchannelState};
pub use crate::subchannel_ids::SubchannelIds;
pub use crate::subchannel_pool::SubchannelPool;
pub use crate::subchannel_table::SubchannelTable;
pub use crate::watch::{Watch, WatchEvent, WatchId};
pub use crate::weighted_round_robin::{
    UtilizationMetric, WeightedRoundRobin, WeightedRoundRobinConfig, WeightedRoundRobinFactory,
};
pub use crate::weighted_target::{
    WeightedTarget, WeightedTargetConfig, WeightedTargetEntry, WeightedTargetFactory,
};
pub use crate::weights::WeightsUpdate;
pub use crate::zone_aware::{ZoneAware, ZoneAwareConfig, ZoneAwareFactory};
