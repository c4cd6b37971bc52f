//! The URLs of proxies.

use trunkline_connector::{ProxyProtocol, ProxyServer};

/// The scheme is `http` unless it is given; the ports are gRPC's 443, and that of RFC 1928.
#[test]
fn urls_are_parsed() {
    use ProxyProtocol::{HttpConnect, Socks5};
    for (url, protocol, host, port, printed) in [
        (
            "proxy.test",
            HttpConnect,
            "proxy.test",
            443,
            "http://proxy.test:443",
        ),
        (
            "proxy.test:3128",
            HttpConnect,
            "proxy.test",
            3128,
            "http://proxy.test:3128",
        ),
        (
            "HTTP://proxy.test:80/",
            HttpConnect,
            "proxy.test",
            80,
            "http://proxy.test:80",
        ),
        (
            "http://u:p@192.0.2.1:8080",
            HttpConnect,
            "192.0.2.1",
            8080,
            "http://192.0.2.1:8080",
        ),
        (
            "http://u:p@ss@proxy.test",
            HttpConnect,
            "proxy.test",
            443,
            "http://proxy.test:443",
        ),
        (
            "http://[2001:db8::1]:3128",
            HttpConnect,
            "2001:db8::1",
            3128,
            "http://[2001:db8::1]:3128",
        ),
        ("http://[::1]", HttpConnect, "::1", 443, "http://[::1]:443"),
        (
            "socks5://proxy.test",
            Socks5,
            "proxy.test",
            1080,
            "socks5://proxy.test:1080",
        ),
        (
            "socks5h://u@proxy.test:9050",
            Socks5,
            "proxy.test",
            9050,
            "socks5://proxy.test:9050",
        ),
    ] {
        let server: ProxyServer = url.parse().expect(url);
        assert_eq!(
            (server.protocol(), server.host(), server.port()),
            (protocol, host, port)
        );
        assert_eq!(server.to_string(), printed);
    }
}

/// An error gives the reason, and never quotes the URL.
#[test]
fn bad_urls_are_refused() {
    for (url, reason) in [
        ("", "there is no host"),
        ("http://", "there is no host"),
        ("http://secret@", "there is no host"),
        ("https://proxy.test", "the scheme `https`"),
        (
            "ftp://secret:secret@proxy.test",
            "the scheme is not supported",
        ),
        ("http://u:secret/@proxy.test", "there is more than a host"),
        ("http://proxy.test/path", "there is more than a host"),
        ("http://proxy.test:0", "the port is not a number from 1"),
        ("http://proxy.test:70000", "the port is not a number from 1"),
        ("http://2001:db8::1", "put an IPv6 address into brackets"),
        ("http://[secret]", "is not an IPv6 address"),
        ("http://[::1", "is not closed"),
        ("http://[::1]3128", "expected `:port`"),
        ("http://se cret", "no name of a host has"),
        ("http://u%3:secret@proxy.test", "two hexadecimal digits"),
        ("http://sec%3Aret:p@proxy.test", "contains a colon"),
    ] {
        let error = url.parse::<ProxyServer>().expect_err(url).to_string();
        assert!(error.contains(reason), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let long = format!("http://u:{}@proxy.test", "a".repeat(256));
    let error = long.parse::<ProxyServer>().expect_err("a long password");
    assert!(error.to_string().contains("255 bytes"), "{error}");
}
