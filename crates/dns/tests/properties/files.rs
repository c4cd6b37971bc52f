//! `resolv.conf` and hosts files of any octets.

use trunkline_dns::{Hosts, Name, ResolvConf};

use crate::Octets;

/// Reading never panics, and what comes out is within bounds.
pub(crate) fn resolv_conf_is_bounded(text: &[u8]) {
    let conf = ResolvConf::parse(text);
    assert!(conf.nameservers.len() <= 32 && conf.search.len() <= 32);
    assert!(conf.search.iter().all(Name::is_absolute));
    assert!(conf.options.ndots.is_none_or(|ndots| ndots <= 15));
    assert!(
        conf.options
            .attempts
            .is_none_or(|attempts| (1..=5).contains(&attempts))
    );
    let servers = conf.servers(|_| None);
    assert!(servers.iter().all(|server| server.port() != 0));
    let known = conf.servers(|_| Some(1));
    assert!(!known.is_empty() && known.len() >= servers.len());
}

/// Reading never panics, and a name that the file does not hold is not found.
pub(crate) fn hosts_invent_nothing(text: &[u8]) {
    let hosts = Hosts::parse(text);
    let absent = Name::parse("this-name-is-in-no-file.test").expect("a name");
    assert_eq!(hosts.get(&absent, |_| Some(1)), None);
    let present = Name::parse("Orders").expect("a name");
    let holds = text
        .to_ascii_lowercase()
        .windows(6)
        .any(|part| part == b"orders");
    assert!(hosts.get(&present, |_| Some(1)).is_none() || holds);
}

/// Both properties, on files that were damaged.
#[test]
fn files() {
    let conf = b"# made by hand\nsearch prod.svc cluster.local\nnameserver 10.0.0.10\n\
        nameserver fe80::1%eth0\nnameserver [::1]:53\noptions ndots:5 timeout:2 attempts:3 rotate\n";
    let hosts =
        b"127.0.0.1 localhost\n::1\tlocalhost ip6-localhost\nfe80::1%eth0 orders Orders.prod # x\n";
    let mut octets = Octets::from_seed(2);
    for _ in 0..10_000 {
        resolv_conf_is_bounded(&octets.mutate(conf));
        hosts_invent_nothing(&octets.mutate(hosts));
    }
    for _ in 0..1_000 {
        let text = octets.some(300);
        resolv_conf_is_bounded(&text);
        hosts_invent_nothing(&text);
    }
}
