#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod control;
mod picker;
mod policy;
mod state;

pub use crate::control::{Action, Actions, Control, Published, SubchannelId};
pub use crate::picker::{Pick, PickRequest, Picker};
pub use crate::policy::{OldList, Policy, PolicyFactory, PolicyOptions, Update};
pub use crate::state::{ConnectivityState, SubchannelState};
