#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod child;
mod control;
mod errors;
mod graceful_switch;
mod pick_first;
mod picker;
mod policy;
mod registry;
mod round_robin;
mod sharding;
mod state;
mod watch;

pub use crate::child::Child;
pub use crate::control::{Action, Actions, Control, Published, SubchannelId};
pub use crate::graceful_switch::GracefulSwitch;
pub use crate::pick_first::{PickFirst, PickFirstConfig, PickFirstFactory};
pub use crate::picker::{AttemptOutcome, AttemptTracker, Pick, PickRequest, Picker};
pub use crate::policy::{OldList, Policy, PolicyFactory, PolicyOptions, Update};
pub use crate::registry::PolicyRegistry;
pub use crate::round_robin::{RoundRobin, RoundRobinConfig, RoundRobinFactory};
pub use crate::sharding::{EndpointChild, EndpointSharding};
pub use crate::state::{ConnectivityState, SubchannelState};
pub use crate::watch::{Watch, WatchEvent, WatchId};
