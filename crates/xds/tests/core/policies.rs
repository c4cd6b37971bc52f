//! Tests of the policies.

mod adapted;
mod support;

mod cds;
mod cluster_impl;
mod cluster_manager;
mod configs;
mod conformance;
mod inspection;
mod load_reports;
mod random;
mod wrr_locality;
