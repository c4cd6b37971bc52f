//! Tests of the cores, named after the clauses of the specification.

mod ads;
mod bootstrap;
mod cluster;
mod decoding;
mod dependencies;
mod endpoints;
mod file_watcher;
mod listener;
mod load_reports;
mod names;
mod policies;
mod policy_conversion;
mod route;
mod san;
mod security;
mod selector;
mod selector_faults;
mod spiffe;
mod values;
