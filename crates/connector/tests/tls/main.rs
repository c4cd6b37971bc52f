//! TLS over simulated streams: what a handshake agrees on, and how it fails.

mod folder;
mod support;

mod authorities;
mod certificate_sources;
mod certificates;
mod identities;
mod name_checks;
mod names;
mod read_once;
mod reload;
mod root_choices;
mod sessions;
mod setup;
mod wrong_certificates;
mod wrong_peers;
