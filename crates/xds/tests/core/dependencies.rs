//! From a target to all resources that its calls need.

mod support;

mod aggregates;
mod configuration;
mod cost;
mod holds;
mod seeds;
