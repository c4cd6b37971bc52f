//! The scripted control plane: what it serves, how it answers, and what it records.

mod client;

mod behaviour;
mod cache;
mod load;
mod scripted;
