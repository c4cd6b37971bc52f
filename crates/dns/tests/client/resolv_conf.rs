//! `resolv.conf`, and when it is read again.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_dns::{ClientConfig, LookupErrorKind, ResolvConf};

use crate::message::{ip4, ms};
use crate::sim::Sim;
use crate::support::{ONE, Scratch, TWO, check4, client, config, lookup4, names, one};

fn servers(conf: &str) -> Vec<String> {
    let known = |name: &str| (name == "eth0").then_some(7);
    let servers = ResolvConf::parse(conf.as_bytes()).servers(known);
    servers.iter().map(SocketAddr::to_string).collect()
}

/// Name servers, with scopes and ports; a line that cannot be read is left out.
#[test]
fn name_servers() {
    for (conf, expected) in [
        (
            "nameserver 10.0.0.1\nnameserver ::1",
            &["10.0.0.1:53", "[::1]:53"][..],
        ),
        ("nameserver fe80::1%eth0", &["[fe80::1%7]:53"]),
        ("nameserver fe80::1%3", &["[fe80::1%3]:53"]),
        (
            "nameserver 10.0.0.1 10.0.0.2 # one a line",
            &["10.0.0.1:53"],
        ),
        (
            "  nameserver\t10.0.0.1\r\n;nameserver 10.0.0.9\n#nameserver 10.0.0.8",
            &["10.0.0.1:53"],
        ),
        (
            "nameserver 127.0.0.1:5353\nnameserver [::1]:54\nnameserver [::2]",
            &["127.0.0.1:5353", "[::1]:54", "[::2]:53"],
        ),
        (
            "nameserver 1\nnameserver a.b\nnameserver 10.0.0.1:0\nnameserver\nnameserver 10.0.0.3",
            &["10.0.0.3:53"],
        ),
        (
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4",
            &["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53", "10.0.0.4:53"],
        ),
        ("", &["127.0.0.1:53", "[::1]:53"]),
        ("search a.test", &["127.0.0.1:53", "[::1]:53"]),
        ("\u{feff}nameserver 10.0.0.1", &["10.0.0.1:53"]),
        (
            "nameserver fe80::1%eth9\nnameserver 10.0.0.1",
            &["10.0.0.1:53"],
        ),
        (
            "nameserver 10.0.0.2\nnameserver 10.0.0.1\nnameserver 10.0.0.2",
            &["10.0.0.2:53", "10.0.0.1:53"],
        ),
    ] {
        assert_eq!(servers(conf), expected, "{conf:?}");
    }
}

/// A `nameserver` line that cannot be used is named, with the reason, in the error of a lookup that
/// no server answers.
#[test]
fn unusable_name_servers() {
    let none = |conf: &str, expected: &str| {
        let sim = Sim::new();
        let conf = ResolvConf::parse(conf.as_bytes());
        let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
        let error = lookup4(&sim, &client, "a.test.").expect_err("no server");
        assert_eq!(error.kind(), LookupErrorKind::Unavailable);
        assert!(error.summary().contains(expected), "{error}");
    };
    none(
        "nameserver fe80::53%nope0",
        "no DNS server can be used: the line `nameserver fe80::53%nope0` cannot be used: there is \
         no network interface nope0 on this machine",
    );
    none(
        "nameserver fe80::53%nope0\nnameserver 10.0.0.9",
        "the line `nameserver fe80::53%nope0` cannot be used",
    );
    none(
        "nameserver dns.test\nnameserver 10.0.0.9",
        "the line `nameserver dns.test` cannot be used: it is not an IP address",
    );
}

/// A server at an interface that appears later is asked once the files are looked at again.
#[test]
fn interfaces_that_appear() {
    let sim = Sim::new();
    sim.server("[fe80::53%7]:53", |asked| asked.address(1).after(1));
    let conf = ResolvConf::parse(b"nameserver fe80::53%eth0");
    let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    sim.interface("eth0", 7);
    sim.pass(ms(5000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// A server whose address is an IPv4-mapped IPv6 address is asked over IPv4.
#[test]
fn mapped_name_servers() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let conf = ResolvConf::parse(b"nameserver ::ffff:10.0.0.1");
    let mapped = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    check4(&sim, &mapped, "a.test.", Ok(&[&ip4(1)]));
    let mapped = client(&sim, config(&["[::ffff:10.0.0.1]:53"]));
    check4(&sim, &mapped, "a.test.", Ok(&[&ip4(1)]));
}

/// A server that is in the list twice, in whatever form, is asked once a round.
#[test]
fn each_server_is_asked_once() {
    let (sim, _) = one(|asked| asked.rcode(2).after(1));
    let config = config(&[ONE, "[::ffff:10.0.0.1]:53", ONE]).attempts(1);
    let client = client(&sim, config);
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
    assert_eq!(sim.seen().len(), 1);
}

/// The last `search` or `domain` line counts, each domain of it once.
#[test]
fn search_lists() {
    for (conf, expected) in [
        ("search a.test b.test. A.test", &["a.test.", "b.test."][..]),
        ("search a.test\ndomain b.test c.test", &["b.test."]),
        (
            "domain b.test\nsearch a.test c.test",
            &["a.test.", "c.test."],
        ),
        ("search a..b ok.test", &["ok.test."]),
        ("search a.test\nsearch", &[]),
    ] {
        assert_eq!(
            ResolvConf::parse(conf.as_bytes()).search,
            names(expected),
            "{conf:?}"
        );
    }
}

/// Options are clamped to their bounds; unknown ones are ignored.
#[test]
fn options() {
    let conf = ResolvConf::parse(
        b"options ndots:99 timeout:0 attempts:9 rotate edns0 trust-ad\noptions nonsense no-aaaa ndots:x",
    );
    let options = conf.options;
    assert_eq!((options.ndots, options.attempts), (Some(15), Some(5)));
    assert_eq!(options.timeout, Some(Duration::from_secs(1)));
    assert!(options.rotate && options.no_aaaa && !options.use_tcp && !options.single_request);
    for word in ["use-vc", "usevc", "tcp"] {
        let conf = ResolvConf::parse(format!("options {word}").as_bytes());
        assert!(conf.options.use_tcp);
    }
}

/// The environment overrides the file.
#[test]
fn environment() {
    let mut conf = ResolvConf::parse(b"search a.test\noptions ndots:5 timeout:3");
    conf.apply_environment(Some("b.test c.test"), Some("ndots:2 rotate"));
    assert_eq!(conf.search, names(&["b.test.", "c.test."]));
    assert_eq!(conf.options.ndots, Some(2));
    assert_eq!(conf.options.timeout, Some(Duration::from_secs(3)));
    assert!(conf.options.rotate);
}

/// NULs, bytes that are not UTF-8 and very long lines do no harm (CVE-2024-25629).
#[test]
fn hostile_files() {
    let mut text = b"\0\nnameserver 10.0.0.1\0\n\xff\xfe nameserver 10.0.0.2\n#".to_vec();
    text.extend(vec![b'x'; 1 << 20]);
    text.extend(b"\nsearch ");
    text.extend(b"a.test ".repeat(100_000));
    text.extend(b"\nnameserver 10.0.0.3\noptions \xff ndots:3");
    let conf = ResolvConf::parse(&text);
    let servers: Vec<_> = conf
        .servers(|_| None)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(servers, ["10.0.0.1:53", "10.0.0.3:53"]);
    assert_eq!(conf.search, names(&["a.test."]));
    assert_eq!(conf.options.ndots, Some(3));
}

/// The file is checked every 5 s at most, and read again when it has changed. Servers that work
/// stay in use while the file is being written or is gone.
#[test]
fn the_file_is_read_again() {
    let file = Scratch::new("resolv");
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    sim.server(TWO, |asked| asked.address(2).after(1));
    file.write("nameserver 10.0.0.1\n");
    let config = ClientConfig::system()
        .no_hosts()
        .resolv_conf_file(file.path());
    let client = client(&sim, config);
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    file.write("nameserver 10.0.0.2\n");
    sim.pass(ms(4000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    sim.pass(ms(1000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    file.write("# name");
    sim.pass(ms(5000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    fs::remove_file(file.path()).expect("it was there");
    sim.pass(ms(5000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    file.write("nameserver 10.0.0.1\n");
    sim.pass(ms(5000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// With `no-reload` the file is read once.
#[test]
fn no_reload() {
    let file = Scratch::new("no-reload");
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    file.write("nameserver 10.0.0.1\noptions no-reload\n");
    let client = client(
        &sim,
        ClientConfig::system()
            .no_hosts()
            .resolv_conf_file(file.path()),
    );
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    file.write("nameserver 10.0.0.2\n");
    sim.pass(ms(10_000));
    check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
}

/// The hosts file, too, is read again when it has changed.
#[test]
fn the_hosts_file_is_read_again() {
    let file = Scratch::new("hosts");
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let config = config(&[ONE]).hosts_file(file.path());
    let client = client(&sim, config);
    check4(&sim, &client, "a.test", Ok(&[&ip4(1)]));
    file.write("10.1.1.1 a.test\n");
    sim.pass(ms(5000));
    check4(&sim, &client, "a.test", Ok(&["10.1.1.1"]));
}

/// With `no-aaaa` IPv6 addresses are not asked for.
#[test]
fn no_aaaa() {
    let sim = Sim::new();
    sim.server(ONE, |asked| asked.address(1).after(1));
    let conf = ResolvConf::parse(b"nameserver 10.0.0.1\noptions no-aaaa\n");
    let client = client(&sim, ClientConfig::system().no_hosts().resolv_conf(conf));
    crate::support::check(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    let six = sim.run(client.lookup_ip("a.test.", trunkline_dns::Families::Ipv6));
    assert_eq!(six.expect_err("none").kind(), LookupErrorKind::NoData);
    assert_eq!(sim.seen().len(), 1);
}
