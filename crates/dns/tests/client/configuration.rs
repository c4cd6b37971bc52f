//! The configuration and its files without I/O: when they are looked at, and which text is used.

use std::time::{Duration, Instant};

use trunkline_dns::core::{ClientState, Configuration, Settings};
use trunkline_dns::{ClientConfig, Families, LookupErrorKind, Name};

const ONE: &[u8] = b"nameserver 10.0.0.1\n";

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    Instant::now()
}

fn none(_: &str) -> Option<String> {
    None
}

fn servers(configuration: &Configuration) -> Vec<String> {
    let settings = configuration.settings(|_| None);
    settings.servers.iter().map(ToString::to_string).collect()
}

fn file() -> Configuration {
    Configuration::new(ClientConfig::system().resolv_conf_file("resolv.conf"))
}

/// The files are looked at first, and then every 5 s.
#[test]
fn files_are_looked_at_every_5_s() {
    let mut configuration = file();
    let start = now();
    let second = start + Duration::from_secs(5);
    assert!(configuration.is_due(start));
    assert!(configuration.handle_look(none, start), "the first look");
    assert!(!configuration.is_due(second - Duration::from_millis(1)));
    assert!(configuration.is_due(second));
    assert!(!configuration.handle_look(none, second), "nothing changed");
    assert!(!configuration.is_due(second));
}

/// With `options no-reload` the first look is the only one.
#[test]
fn no_reload() {
    let mut configuration = file();
    let start = now();
    configuration.handle_resolv_conf(b"nameserver 10.0.0.1\noptions no-reload\n", none);
    configuration.handle_look(none, start);
    assert!(!configuration.is_due(start + Duration::from_secs(60)));
}

/// A text without a name server does not replace one that has some; a text that has some does.
#[test]
fn a_text_without_servers_is_not_used() {
    let mut configuration = file();
    assert!(configuration.handle_resolv_conf(ONE, none));
    assert!(configuration.handle_look(none, now()));
    for broken in [&b""[..], b"# name", b"nameserver x\nsearch a.test\n"] {
        assert!(!configuration.handle_resolv_conf(broken, none));
        assert_eq!(servers(&configuration), ["10.0.0.1:53"]);
    }
    assert!(configuration.handle_resolv_conf(b"nameserver 10.0.0.2\n", none));
    assert_eq!(servers(&configuration), ["10.0.0.2:53"]);
}

/// Where the servers come from elsewhere, a text without name servers is used.
#[test]
fn a_text_without_servers_is_used_for_its_options() {
    let server = "10.0.0.9:53".parse().expect("an address");
    let config = ClientConfig::system()
        .resolv_conf_file("resolv.conf")
        .servers(vec![server]);
    let mut configuration = Configuration::new(config);
    assert!(configuration.handle_resolv_conf(ONE, none));
    assert!(configuration.handle_resolv_conf(b"options ndots:3\n", none));
    let settings = configuration.settings(|_| None);
    assert_eq!((settings.servers, settings.ndots), (vec![server], 3));
}

/// A file that is missing at the first look counts as empty: the environment applies to it.
#[test]
fn a_missing_file_counts_as_empty() {
    let mut configuration = Configuration::new(ClientConfig::system());
    let variable = |name: &str| (name == "LOCALDOMAIN").then(|| "a.test".to_owned());
    assert!(configuration.handle_look(variable, now()));
    assert_eq!(servers(&configuration), ["127.0.0.1:53", "[::1]:53"]);
    let search = configuration.settings(|_| None).search;
    assert_eq!(search, [Name::parse("a.test.").expect("a name")]);
}

/// The hosts are those of the last text.
#[test]
fn hosts_are_replaced() {
    let mut configuration = file();
    let name = Name::parse("a.test").expect("a name");
    for text in ["10.0.0.1 a.test\n", "10.0.0.2 a.test\n"] {
        configuration.handle_hosts(text.as_bytes());
        let found = configuration.hosts().get(&name, none_index);
        assert_eq!(found.expect("it is there")[0].to_string(), text[..8]);
    }
}

fn none_index(_: &str) -> Option<u32> {
    None
}

fn settings(conf: &[u8], config: ClientConfig) -> Settings {
    let mut configuration = Configuration::new(config);
    configuration.handle_resolv_conf(conf, none);
    configuration.settings(|_| None)
}

/// With `options no-aaaa`, IPv6 alone is an error without a query.
#[test]
fn no_aaaa() {
    let settings = settings(
        b"nameserver 10.0.0.1\noptions no-aaaa\n",
        ClientConfig::system(),
    );
    let ask = |families| {
        let name = Name::parse("a.test").expect("a name");
        settings.addresses_request("a.test", name, families)
    };
    let both = ask(Families::Both).expect("a request");
    assert_eq!(both, ask(Families::Ipv4).expect("a request"));
    let six = ask(Families::Ipv6).expect_err("nothing to ask");
    assert_eq!(six.kind(), LookupErrorKind::NoData);
}

/// A new seed is due after 1024 plans; source addresses are needed where queries carry cookies.
#[test]
fn seeds_and_sources() {
    let config = ClientConfig::system();
    let mut plain = ClientState::new(settings(ONE, config.clone()), [7; 32]);
    assert!(plain.sources_needed().is_empty());
    let name = Name::parse("a.test.").expect("a name");
    let request = trunkline_dns::core::LookupRequest::addresses(name, Families::Both);
    for _ in 0..1024 {
        assert!(!plain.needs_seed());
        let _ = plain.plan(request.clone(), now());
    }
    assert!(plain.needs_seed());
    plain.reseed([8; 32]);
    assert!(!plain.needs_seed());
    let cookies = ClientState::new(settings(ONE, config.cookies(true)), [7; 32]);
    assert_eq!(cookies.sources_needed().len(), 1);
}
