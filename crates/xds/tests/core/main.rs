//! Tests of the cores, named after the clauses of the specification.

mod ads;
mod bootstrap;
mod cluster;
mod dependencies;
mod endpoints;
mod load_reports;
mod names;
mod policies;
mod policy_conversion;
mod security;
