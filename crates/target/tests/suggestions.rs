//! Errors and warnings for mistakes that people make, with their place and suggestion.

use trunkline_target::ErrorKind::{
    self, Authority, Endpoint, Escape, Host, Port, Scheme, Syntax, Unsupported,
};
use trunkline_target::{Schemes, Target};

#[track_caller]
fn check(text: &str, kind: ErrorKind, at: usize, suggestion: Option<&str>) {
    let error = Target::parse(text).expect_err(text);
    let found = (error.kind(), error.at(), error.suggestion());
    assert_eq!(found, (kind, at, suggestion), "{error:?}");
    assert!(!error.message().is_empty() && !error.expected().is_empty());
    if let Some(suggestion) = suggestion {
        is_sound(suggestion);
        let shown = format!("{}; did you mean `{suggestion}`?", error.message());
        assert_eq!(error.to_string(), shown);
    }
}

/// Checks that a suggestion is a target without warnings that suggest something else.
#[track_caller]
fn is_sound(suggestion: &str) {
    let target = Target::parse(suggestion).expect(suggestion);
    for warning in target.warnings() {
        assert_eq!(warning.suggestion(), None, "`{suggestion}`: {warning}");
    }
}

/// The most common mistake: a host in the place of the authority.
#[test]
fn two_slashes_in_place_of_three() {
    check(
        "dns://my-svc:5000",
        Endpoint,
        17,
        Some("dns:///my-svc:5000"),
    );
    check(
        "dns://my-svc:5000/",
        Endpoint,
        18,
        Some("dns:///my-svc:5000"),
    );
    check("dns://8.8.8.8", Endpoint, 13, Some("dns:///8.8.8.8"));
    check("xds://listener", Endpoint, 14, Some("xds:///listener"));
    check("dns://::1", Authority, 7, Some("dns:///[::1]"));
    let error = Target::parse("dns://my-svc:5000").expect_err("no endpoint");
    assert_eq!(
        error.to_string(),
        "authority `my-svc:5000` and no endpoint; did you mean `dns:///my-svc:5000`?"
    );
}

/// The scheme of a web page is never read as a host (quirk q21 of grpc-go).
#[test]
fn schemes_of_web_pages() {
    check("http://host:5000", Unsupported, 0, Some("dns:///host:5000"));
    check("http://host", Unsupported, 0, Some("dns:///host:80"));
    check("https://host", Unsupported, 0, Some("dns:///host"));
    check("https://host/path", Unsupported, 0, Some("dns:///host"));
    check("HTTP://u@host:1/", Unsupported, 0, Some("dns:///host:1"));
    check("http:8080", Unsupported, 0, Some("dns:///http:8080"));
    check("http:host", Unsupported, 0, Some("dns:///host:80"));
    check("https:/host:80", Unsupported, 0, Some("dns:///host:80"));
    check("https://", Unsupported, 0, None);
}

/// An unknown scheme is not read as a host if `//` follows it.
#[test]
fn unknown_schemes() {
    check("grpc://host:5000", Scheme, 0, Some("dns:///host:5000"));
    check("grpcs://[::1]:5000/", Scheme, 0, Some("dns:///[::1]:5000"));
    check("dsn:///foo", Scheme, 0, Some("dns:///foo"));
    check("tcp:host:80", Host, 8, Some("dns:///host:80"));
    check("unixx:/tmp/s", Scheme, 0, Some("unix:/tmp/s"));
    check("zk:/orders", Scheme, 0, None);
    check("foo.com:/path", Scheme, 0, Some("foo.com"));
    check("./x.sock", Host, 0, Some("unix:./x.sock"));
    check("1dns:///host", Port, 5, Some("dns:///host"));
    check("grpc:/host:80", Scheme, 0, Some("dns:///host:80"));
    check("file:///tmp/s", Scheme, 0, Some("unix:/tmp/s"));
    check("uds:/tmp/s", Scheme, 0, Some("unix:/tmp/s"));
    check("unix_abstract:s", Port, 14, Some("unix-abstract:s"));
    check("grpc://host/a.Service", Scheme, 0, Some("dns:///host"));
    check("consul://server/orders", Scheme, 0, None);
}

/// A whole target after another scheme is an error that suggests the inner target.
#[test]
fn targets_in_targets() {
    check("dns:///dns:///host", Port, 11, Some("dns:///host"));
    check("dns:///http://host", Port, 12, Some("dns:///host:80"));
    check(
        "dns://grpc://host:80",
        Authority,
        11,
        Some("dns:///host:80"),
    );
    check("TARGET=unix:///tmp/s", Port, 12, Some("unix:///tmp/s"));
    check("dns:://host", Port, 5, Some("dns:///host"));
}

/// A scheme of the naming document without a resolver is an error of its own kind.
#[test]
fn schemes_without_a_resolver() {
    let only_dns = Schemes::new(&["dns"], "dns");
    for text in ["xds:///svc", "ipv4:10.0.0.1:80", "vsock:2:80"] {
        let error = Target::parse_with(text, only_dns).expect_err(text);
        assert_eq!((error.kind(), error.suggestion()), (Unsupported, None));
    }
    let none = Schemes::new(&["dns"], "etcd");
    let error = Target::parse_with("orders", none).expect_err("no etcd");
    assert_eq!(
        error.message(),
        "the default scheme `etcd` is not a known one"
    );
    assert!(Target::parse_with("dns:///orders", none).is_ok());
}

/// Unix sockets and address lists have no authority.
#[test]
fn authorities_that_are_none() {
    check("unix://relative", Authority, 7, Some("unix:relative"));
    check("unix://relative/x", Authority, 7, Some("unix:relative/x"));
    check("unix://tmp/s", Authority, 7, Some("unix:///tmp/s"));
    check(
        "unix://localhost/tmp/s",
        Authority,
        7,
        Some("unix:///tmp/s"),
    );
    check("unix-abstract://x", Authority, 16, Some("unix-abstract:x"));
    check("ipv4://1.2.3.4:80", Authority, 7, Some("ipv4:1.2.3.4:80"));
    check("vsock://2:80", Authority, 8, Some("vsock:2:80"));
}

/// A malformed authority is an error (quirk q3 of grpc-go).
#[test]
fn authorities_that_are_malformed() {
    check("dns://::1/foo", Authority, 7, Some("dns://[::1]/foo"));
    check("dns://[foo]/x", Authority, 7, Some("dns://foo/x"));
    check("dns://[1.2.3.4]/x", Authority, 7, Some("dns://1.2.3.4/x"));
    check("dns://h:abc/x", Authority, 8, Some("dns://h/x"));
    check("dns://h:65536/x", Authority, 8, Some("dns://h/x"));
    check("dns://h:/x", Authority, 8, Some("dns://h/x"));
    check("dns://a b/x", Authority, 7, Some("dns://ab/x"));
    check("dns://%41/x", Authority, 6, Some("dns://A/x"));
    check("dns://a..b/x", Authority, 8, Some("dns://a.b/x"));
    check("dns://[::1%12]/x", Escape, 10, Some("dns://[::1%2512]/x"));
    check("dns://[::1]53/x", Authority, 11, Some("dns://[::1]:53/x"));
}

/// The `%` before a zone must be escaped (RFC 6874), like every literal `%`.
#[test]
fn lone_percent_signs() {
    check("fe80::1%eth0", Escape, 7, Some("fe80::1%25eth0"));
    check("[fe80::1%eth0]:80", Escape, 8, Some("[fe80::1%25eth0]:80"));
    check(
        "dns://[::1%eth0]/x",
        Escape,
        10,
        Some("dns://[::1%25eth0]/x"),
    );
    check("xds:///100%", Escape, 10, Some("xds:///100%25"));
    check("100%", Escape, 3, None);
    check("dns:///foo%FFx", Escape, 10, None);
    check(
        "ipv6:[fe80::1%eth0]:80",
        Escape,
        13,
        Some("dns:///[fe80::1%25eth0]:80"),
    );
}

/// Ports that are missing, not a number, or too large are errors.
#[test]
fn ports() {
    check("host:", Port, 5, Some("host"));
    check("dns:///[::1]:", Port, 13, Some("dns:///[::1]"));
    check(":", Port, 1, None);
    // With a port that can be used, which the default of the host alone is.
    check("host:65536", Port, 5, Some("host:443"));
    check("ipv4:192.0.2.1:99999", Port, 15, Some("ipv4:192.0.2.1:443"));
    check("dns:///h:500051", Port, 9, Some("dns:///h:50051"));
    check("[::1]:80800", Port, 6, Some("[::1]:443"));
    check("host:http", Port, 5, Some("host:80"));
    check("host:https", Port, 5, Some("host:443"));
    check("host:-1", Port, 5, None);
    check("host:+80", Port, 5, None);
    check("host: 80", Port, 5, Some("host:80"));
    check("foo.com:80/path", Port, 10, Some("foo.com:80"));
    check("srv:///foo:80", Port, 10, Some("srv:///foo"));
    check("vsock:2", Port, 7, None);
    check("vsock:2:x", Port, 8, None);
    check("host:80:81", Host, 7, Some("host:80"));
    check("host:80,", Port, 7, Some("host:80"));
    check("(host:80)", Port, 8, Some("host:80"));
    check("host:80.", Port, 7, Some("host:80"));
    check("host:80 # orders", Port, 7, Some("dns:///host:80"));
    check("u:p@host:80", Host, 8, Some("dns:///host:80"));
}

/// Malformed hosts, brackets and lists are errors.
#[test]
fn hosts() {
    check("[::1", Host, 4, Some("[::1]"));
    check("[::1:443", Host, 8, Some("[::1]:443"));
    check("[::1]8080", Host, 5, Some("[::1]:8080"));
    check("foo::80", Host, 4, Some("foo:80"));
    check("fe80::1:50051", Host, 5, Some("[fe80::1]:50051"));
    check(".foo:80", Host, 0, Some("foo:80"));
    check("a..b", Host, 2, Some("a.b"));
    check("dns:///fo%00o", Host, 9, None);
    check("dns:///[fe80::1%25a%0A]:80", Host, 19, None);
    check("srv:///10.0.0.1", Host, 7, Some("dns:///10.0.0.1"));
    check("vsock:x:1", Host, 6, None);
    check("dns:///1.2.3.4:80,::1", Host, 18, None);
    let list = Some("ipv4:1.2.3.4:80,1.2.3.5:80");
    check("dns:///1.2.3.4:80,1.2.3.5:80", Host, 25, list);
    check("1.2.3.4:80;1.2.3.5:80", Host, 18, list);
    check("ipv4:1.2.3.4:80 1.2.3.5:80", Host, 23, list);
    check("ipv4:1.2.3.4,", Endpoint, 13, Some("ipv4:1.2.3.4"));
    check(
        "ipv4:1.2.3.4, 1.2.3.5",
        Host,
        13,
        Some("ipv4:1.2.3.4,1.2.3.5"),
    );
    check("ipv4:localhost:80", Host, 5, Some("dns:///localhost:80"));
    check("ipv4:[::1]:80", Host, 5, Some("ipv6:[::1]:80"));
    check("ipv6:1.2.3.4:80", Host, 5, Some("ipv4:1.2.3.4:80"));
    check("ipv4:[1.2.3.4]:80", Host, 5, Some("ipv4:1.2.3.4:80"));
    check("ipv4:01.2.3.4", Host, 5, Some("dns:///1.2.3.4"));
    check("ipv4:1.2.3", Host, 5, None);
    check("[fe80::1%25]:80", Host, 1, Some("[fe80::1]:80"));
    check(
        "ipv6:2001:db8::1:50051",
        Host,
        13,
        Some("ipv6:[2001:db8::1]:50051"),
    );
    check(&"a".repeat(64), Host, 0, None);
    check(&"a.".repeat(128), Host, 253, None);
}

/// Characters that copying adds to a target are errors, and the suggestion lacks them.
#[test]
fn characters_that_creep_in() {
    check("host:80 ", Syntax, 7, Some("host:80"));
    check(" host:80", Syntax, 0, Some("host:80"));
    check("host:80\n", Syntax, 7, Some("host:80"));
    check("dns:///host\t", Syntax, 11, Some("dns:///host"));
    check("\"dns:///host\"", Port, 5, Some("dns:///host"));
    check("dns:///foo\u{7f}", Syntax, 10, Some("dns:///foo"));
    check("   ", Syntax, 0, None);
    check(" https://host", Syntax, 0, Some("dns:///host"));
    check("host\t80", Syntax, 4, Some("host:80"));
    check("host:80\\n", Port, 7, Some("host:80"));
    check("host:80%0A", Port, 7, Some("host:80"));
    check("‘host:80’", Port, 10, Some("host:80"));
    check("host:８０", Port, 5, Some("host:80"));
    check("dns%3A///host:80", Host, 13, Some("dns:///host:80"));
}

/// A target without an endpoint is an error.
#[test]
fn nothing_to_resolve() {
    check("", Endpoint, 0, None);
    check("dns:", Endpoint, 4, None);
    check("dns:///", Endpoint, 7, None);
    check("unix:", Endpoint, 5, None);
    check("passthrough:///", Endpoint, 15, None);
    check("unix:a%00b", Endpoint, 6, None);
    check("unix:/tmp/a%00b", Endpoint, 11, None);
    check(&format!("unix:/{}", "a".repeat(107)), Endpoint, 112, None);
    assert!(Target::parse(&format!("unix:/{}", "a".repeat(106))).is_ok());
}

/// A message contains no control character, even if the text that it quotes contains one, escaped
/// or not.
#[test]
fn messages_have_no_control_characters() {
    for text in [
        "unix:/tmp/%1B[31m/",
        "unix:~/%0A",
        "unix:tmp/%07",
        "dns:///a\u{9b}31mb",
    ] {
        let target = Target::parse(text).expect(text);
        let message = target.warnings()[0].to_string();
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let error = Target::parse("dns://my\u{9b}31m:5000").expect_err("no endpoint");
    let message = error.to_string();
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// A message quotes only the beginning of a long part.
#[test]
fn messages_are_short() {
    let long = Target::parse(&"a".repeat(100_000)).expect_err("a label too long");
    let expected = format!("label of more than 63 octets in `{}…`", "a".repeat(80));
    assert_eq!(long.message(), expected);
}

#[track_caller]
fn warns(text: &str, expected: &[(ErrorKind, usize, Option<&str>)]) {
    let target = Target::parse(text).expect(text);
    let warnings = target.warnings();
    let found: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.kind(), warning.at(), warning.suggestion()))
        .collect();
    assert_eq!(found, expected, "{warnings:?}");
    for suggestion in warnings.iter().filter_map(|warning| warning.suggestion()) {
        is_sound(suggestion);
    }
}

/// A valid target that is probably a mistake has a warning.
#[test]
fn warnings() {
    warns("dns:/x", &[(Syntax, 4, Some("dns:///x"))]);
    warns("dns:///a,b", &[(Host, 8, None)]);
    let list = "dns:///1.2.3.4,1.2.3.5";
    warns(list, &[(Host, 14, Some("ipv4:1.2.3.4,1.2.3.5"))]);
    warns(
        "dns///orders:5000",
        &[(Host, 3, Some("dns:///orders:5000"))],
    );
    for host in [
        "localhost;80",
        "localhost,80",
        "localhost 80",
        "localhost@80",
    ] {
        warns(host, &[(Host, 9, Some("localhost:80"))]);
    }
    warns("host,", &[(Host, 4, Some("host"))]);
    warns("host：80", &[(Host, 4, Some("host:80"))]);
    warns("\u{FEFF}host:80", &[(Host, 0, Some("host:80"))]);
    warns("dns:///\"host\":80", &[(Host, 7, Some("dns:///host:80"))]);
    warns("<host>:80", &[(Host, 0, Some("host:80"))]);
    warns("*:80", &[(Host, 0, Some("localhost:80"))]);
    warns("//host:80", &[(Scheme, 0, Some("host:80"))]);
    warns("tmp/x.sock", &[(Host, 3, Some("unix:/tmp/x.sock"))]);
    warns("unix//tmp/s", &[(Host, 4, Some("unix:///tmp/s"))]);
    warns("@orders", &[(Host, 0, Some("unix-abstract:orders"))]);
    warns("dns:8.8.8.8/x", &[(Host, 11, Some("dns://8.8.8.8/x"))]);
    warns(
        "dns://8.8.8.8,8.8.4.4/x",
        &[(Authority, 13, Some("dns://8.8.8.8/x"))],
    );
    warns(
        "dns://8.8.8.8:0/x",
        &[(Authority, 14, Some("dns://8.8.8.8/x"))],
    );
    warns("_grpc._tcp.x", &[(Scheme, 0, Some("srv:///_grpc._tcp.x"))]);
    warns(
        "dns:/x?y",
        &[(Syntax, 4, Some("dns:///x")), (Syntax, 6, Some("dns:///x"))],
    );
    warns("dns;///orders:80", &[(Host, 3, Some("dns:///orders:80"))]);
    warns("dns:////orders", &[(Host, 7, Some("dns:///orders"))]);
    warns("dns:\\\\\\orders", &[(Host, 4, Some("dns:///orders"))]);
    warns("foo bar:80", &[(Host, 3, Some("foobar:80"))]);
    warns("u@host:1", &[(Host, 1, Some("host:1"))]);
    warns("münchen.de", &[(Host, 1, None)]);
    warns("010.0.0.1:80", &[(Host, 0, Some("10.0.0.1:80"))]);
    warns("10.0.0.1.:80", &[(Host, 0, Some("10.0.0.1:80"))]);
    warns("127.1:80", &[(Host, 0, None)]);
    warns("0x7f.0.0.1", &[(Host, 0, None)]);
    warns("dns:5353", &[(Host, 4, Some("dns:///dns:5353"))]);
    warns("[foo]:80", &[(Host, 0, Some("foo:80"))]);
    warns("foo:0", &[(Port, 4, None)]);
    warns("ipv4:1.2.3.4,1.2.3.5:0", &[(Port, 21, None)]);
    warns("passthrough:///a:0", &[(Port, 17, None)]);
    warns("dns:///x?y=1", &[(Syntax, 8, Some("dns:///x"))]);
    warns("unix:///a?b", &[(Syntax, 9, Some("unix:///a%3Fb"))]);
    warns("unix:///a#b", &[(Syntax, 9, Some("unix:///a%23b"))]);
    warns("unix:///a?", &[(Syntax, 9, Some("unix:///a"))]);
    warns(
        "dns://u:p@8.8.8.8/x",
        &[(Authority, 6, Some("dns://8.8.8.8/x"))],
    );
    warns(
        "passthrough://a/b:1",
        &[(Authority, 14, Some("passthrough:///b:1"))],
    );
    warns("passthrough:///foo", &[(Port, 18, None)]);
    warns("unix:///", &[(Endpoint, 8, None)]);
    warns("unix:~/x", &[(Endpoint, 5, None)]);
    warns("unix:$HOME/x", &[(Endpoint, 5, None)]);
    warns("unix:@x", &[(Endpoint, 5, Some("unix-abstract:x"))]);
    warns("unix:tmp/x", &[(Endpoint, 5, Some("unix:/tmp/x"))]);
    warns("unix:tmp/a%3F", &[(Endpoint, 5, Some("unix:/tmp/a%3F"))]);
    warns(
        "unix-abstract:%40a%00",
        &[(Endpoint, 14, Some("unix-abstract:a%00"))],
    );
    warns(
        "unix-abstract:@x",
        &[(Endpoint, 14, Some("unix-abstract:x"))],
    );
    warns("::1:443", &[(Port, 4, Some("[::1]:443"))]);
    warns("ipv6:::1:443,::2", &[(Port, 9, Some("ipv6:[::1]:443,::2"))]);
    warns("0.0.0.0:80", &[(Host, 0, Some("127.0.0.1:80"))]);
    warns(
        "ipv4:0.0.0.0:80,0.0.0.0:81",
        &[(Host, 5, Some("ipv4:127.0.0.1:80,127.0.0.1:81"))],
    );
    warns("/run/x.sock", &[(Scheme, 0, Some("unix:/run/x.sock"))]);
    warns("vsock:4294967295:1", &[(Host, 6, None)]);
}

/// A correct target has no warnings.
#[test]
fn no_warnings() {
    for text in [
        "localhost:50051",
        "dns:orders:5000",
        "dns:///orders.prod.svc.cluster.local.:5000",
        "dns://8.8.8.8/x",
        "dns://localhost:1053/my-headless-service:5000",
        "dns:///_underscore.example:443",
        "srv:///_grpc._tcp.example.com",
        "unix:/tmp/s",
        "unix:///tmp/s",
        "unix:s.sock",
        "unix-abstract:orders",
        "ipv4:10.0.0.1:80,10.0.0.2:80",
        "ipv6:[2001:db8::1]:80,[2001:db8::2]:80",
        "vsock:2:5000",
        "xds:///orders",
        "xds://authority/orders",
        "passthrough:///localhost:5000",
        "[::1]:80",
        "::1",
    ] {
        warns(text, &[]);
    }
}

/// A text that is too long to be typed has no suggestion, which would need many copies of it.
#[test]
fn long_texts() {
    const LONGEST: usize = 64 * 1024;
    for (length, is_helped) in [(LONGEST, true), (LONGEST + 1, false)] {
        let fill = |start: &str, end: &str| {
            let rest = length - start.len() - end.len();
            format!("{start}{}{end}", "a".repeat(rest))
        };
        let escape = fill("passthrough:///", "%");
        let escaped = is_helped.then(|| format!("{escape}25"));
        check(&escape, Escape, length - 1, escaped.as_deref());

        let user = fill("dns://", "@192.0.2.1/x");
        let server = is_helped.then_some("dns://192.0.2.1/x");
        warns(&user, &[(Authority, 6, server)]);
    }
}
