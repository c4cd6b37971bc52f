//! The behaviours that a stub resolver must have to be trusted, by their numbers in the
//! specification's section 2, each in virtual time against scripted servers.

mod answers;
mod anti_spoofing;
mod cache;
mod config;
mod connection;
mod cookies;
mod costly;
mod hostile;
mod loopback;
mod message;
mod names;
mod servers;
mod sim;
mod support;
mod transport;

/// Each number has a test: out of scope are 14 (DNS over TLS) and 34 (stale answers).
#[test]
fn every_number_has_a_test() {
    let sources = [
        include_str!("anti_spoofing.rs"),
        include_str!("answers.rs"),
        include_str!("cache.rs"),
        include_str!("config.rs"),
        include_str!("connection.rs"),
        include_str!("cookies.rs"),
        include_str!("hostile.rs"),
        include_str!("names.rs"),
        include_str!("servers.rs"),
        include_str!("transport.rs"),
    ];
    for number in (1..=46).filter(|number| ![14, 34].contains(number)) {
        let there = |text: &str| {
            let mut tests = text.lines().filter_map(|line| line.strip_prefix("fn s2_"));
            tests.any(|name| {
                name.split('_')
                    .map_while(|part| part.parse().ok())
                    .any(|of: u32| of == number)
            })
        };
        assert!(
            sources.iter().any(|text| there(text)),
            "number {number} has no test"
        );
    }
}
