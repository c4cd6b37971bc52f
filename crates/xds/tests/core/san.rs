//! The names of a server's certificate: clauses 6.4 and 6.5 of the specification.

use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster as Proto;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::TransportSocket;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::SystemRootCerts;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, UpstreamTlsContext,
};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher as MatcherProto,
};
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::resources::UpstreamTls;
use trunkline_xds::core::san::{SubjectAltName, sent_server_name, verify_names};

use crate::cluster::decode;

/// A certificate with names of all kinds, made by OpenSSL.
const ALL_KINDS: &[u8] = include_bytes!("certificates/all_kinds.der");

/// A certificate without `subjectAltName`, made by OpenSSL.
const NO_NAMES: &[u8] = include_bytes!("certificates/no_names.der");

fn names(der: &[u8]) -> Vec<SubjectAltName> {
    SubjectAltName::of_certificate(der).expect("a certificate")
}

/// Returns what a cluster asks for with this context and these conditions.
fn tls(context: UpstreamTlsContext, matchers: Vec<MatcherProto>) -> UpstreamTls {
    let validation = CertificateValidationContext {
        match_subject_alt_names: matchers,
        system_root_certs: Some(SystemRootCerts {}),
        ..CertificateValidationContext::default()
    };
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
            ..CommonTlsContext::default()
        }),
        ..context
    };
    let message = Proto {
        transport_socket: Some(TransportSocket {
            name: "envoy.transport_sockets.tls".into(),
            config_type: Some(ConfigType::TypedConfig(context.pack())),
        }),
        ..resources::cluster("orders")
    };
    decode(&message).expect("a valid cluster").tls.expect("TLS")
}

fn exact(text: &str) -> MatchPattern {
    MatchPattern::Exact(text.into())
}

/// Returns whether the certificate has a name for this condition.
#[track_caller]
fn check(pattern: MatchPattern, ignore_case: bool, der: &[u8], expected: bool) {
    let matcher = MatcherProto {
        match_pattern: Some(pattern),
        ignore_case,
    };
    let tls = tls(UpstreamTlsContext::default(), vec![matcher]);
    assert_eq!(
        verify_names(&tls, None, &names(der)).is_ok(),
        expected,
        "{tls:?}"
    );
}

/// The names of a certificate in their order. Those of other kinds are left out.
#[test]
fn xds_6_4_names_of_a_certificate() {
    assert_eq!(
        names(ALL_KINDS),
        [
            SubjectAltName::Dns("orders.example".into()),
            SubjectAltName::Dns("*.shop.example".into()),
            SubjectAltName::Uri("spiffe://example.org/orders".into()),
            SubjectAltName::Email("ops@example.org".into()),
            SubjectAltName::Ip([192, 0, 2, 7].into()),
            SubjectAltName::Ip("2001:db8::7".parse().expect("an IP address")),
        ]
    );
    assert_eq!(names(NO_NAMES), []);
}

/// What is cut off, or damaged, is no certificate or has other names: it never panics.
#[test]
fn xds_6_4_damaged_certificates() {
    for end in 0..ALL_KINDS.len() {
        assert_eq!(
            SubjectAltName::of_certificate(&ALL_KINDS[..end]),
            None,
            "{end}"
        );
    }
    let mut damaged = ALL_KINDS.to_vec();
    for at in 0..damaged.len() {
        for bits in [0x01, 0x80, 0xff] {
            damaged[at] ^= bits;
            let _ = SubjectAltName::of_certificate(&damaged);
            damaged[at] ^= bits;
        }
    }
}

/// Without conditions every certificate with a chain to the roots is right.
#[test]
fn xds_6_4_no_conditions() {
    let tls = tls(UpstreamTlsContext::default(), Vec::new());
    assert_eq!(verify_names(&tls, Some("elsewhere.example"), &[]), Ok(()));
}

/// One name of any kind matches one condition. The host name of the target plays no part.
#[test]
fn xds_6_4_one_name_matches_one_condition() {
    let prefix = MatchPattern::Prefix("spiffe://example.org/".into());
    check(exact("orders.example"), false, ALL_KINDS, true);
    check(exact("spiffe://example.org/orders"), false, ALL_KINDS, true);
    check(exact("ops@example.org"), false, ALL_KINDS, true);
    check(prefix, false, ALL_KINDS, true);
    check(
        MatchPattern::Suffix("example".into()),
        false,
        ALL_KINDS,
        true,
    );
    check(
        MatchPattern::Contains("/ORDERS".into()),
        true,
        ALL_KINDS,
        true,
    );
    check(
        MatchPattern::Contains("/ORDERS".into()),
        false,
        ALL_KINDS,
        false,
    );
    check(exact("elsewhere.example"), false, ALL_KINDS, false);
    let regex = |regex: &str| {
        MatchPattern::SafeRegex(RegexMatcher {
            regex: regex.into(),
        })
    };
    check(regex("spiffe://[a-z.]+/orders"), false, ALL_KINDS, true);
    check(regex("spiffe"), false, ALL_KINDS, false);

    let matcher = |pattern| MatcherProto {
        match_pattern: Some(pattern),
        ignore_case: false,
    };
    let both = vec![
        matcher(exact("elsewhere")),
        matcher(exact("orders.example")),
    ];
    let tls = tls(UpstreamTlsContext::default(), both);
    assert_eq!(verify_names(&tls, None, &names(ALL_KINDS)), Ok(()));
}

/// An IP address is compared as its canonical text.
#[test]
fn xds_6_4_ip_addresses() {
    check(exact("192.0.2.7"), false, ALL_KINDS, true);
    check(exact("2001:db8::7"), false, ALL_KINDS, true);
    check(exact("2001:0db8::7"), false, ALL_KINDS, false);
}

/// `exact` against a DNS name honours a first label `*`, for exactly one label, and ignores the case.
#[test]
fn xds_6_4_wildcards_of_dns_names() {
    check(exact("A.shop.EXAMPLE"), false, ALL_KINDS, true);
    check(exact("a.shop.example."), false, ALL_KINDS, true);
    check(exact("shop.example"), false, ALL_KINDS, false);
    check(exact(".shop.example"), false, ALL_KINDS, false);
    check(exact("a.b.shop.example"), false, ALL_KINDS, false);
    check(exact(""), false, ALL_KINDS, false);
    // Other conditions see the name as it is.
    check(
        MatchPattern::Prefix("a.shop".into()),
        false,
        ALL_KINDS,
        false,
    );
    check(
        MatchPattern::Prefix("*.shop".into()),
        false,
        ALL_KINDS,
        true,
    );

    let verify = |pattern: &str, host: &str| {
        let matcher = MatcherProto {
            match_pattern: Some(exact(host)),
            ignore_case: false,
        };
        let tls = tls(UpstreamTlsContext::default(), vec![matcher]);
        verify_names(&tls, None, &[SubjectAltName::Dns(pattern.into())]).is_ok()
    };
    // A `*` elsewhere, or alone, matches nothing.
    for pattern in ["*", "*.", "a*.shop.example", "*.*.example", "a.*.example"] {
        assert!(!verify(pattern, "a.shop.example"), "{pattern}");
    }
}

/// A certificate without names fails where the cluster asks for one. The subject does not count.
#[test]
fn xds_6_4_no_names() {
    check(exact("orders.example"), false, NO_NAMES, false);
}

/// The server name: the host name of the endpoint without its port, else that of the cluster, else none.
#[test]
fn xds_6_5_server_name() {
    let with = |sni: &str, auto_host_sni| {
        let context = UpstreamTlsContext {
            sni: sni.into(),
            auto_host_sni,
            ..UpstreamTlsContext::default()
        };
        tls(context, Vec::new())
    };
    let auto = with("sni.example", true);
    let host = Some("one.example:443");
    assert_eq!(sent_server_name(&auto, host), Some("one.example"));
    assert_eq!(
        sent_server_name(&auto, Some("one.example")),
        Some("one.example")
    );
    assert_eq!(sent_server_name(&auto, None), Some("sni.example"));
    assert_eq!(sent_server_name(&auto, Some("")), Some("sni.example"));
    assert_eq!(
        sent_server_name(&with("sni.example", false), host),
        Some("sni.example")
    );
    assert_eq!(sent_server_name(&with("", false), host), None);
    // An address cannot be sent.
    for address in ["192.0.2.1:443", "[2001:db8::1]:443", "2001:db8::1"] {
        assert_eq!(sent_server_name(&auto, Some(address)), None, "{address}");
    }
}

/// With `auto_sni_san_validation` the name that was sent must be among the DNS names, in place of the
/// conditions. If none was sent, the conditions count.
#[test]
fn xds_6_5_sent_name_replaces_the_conditions() {
    let context = UpstreamTlsContext {
        auto_sni_san_validation: true,
        ..UpstreamTlsContext::default()
    };
    let matcher = MatcherProto {
        match_pattern: Some(exact("spiffe://example.org/orders")),
        ignore_case: false,
    };
    let tls = tls(context, vec![matcher]);
    let verify = |sent| verify_names(&tls, sent, &names(ALL_KINDS)).map_err(|it| it.to_string());
    assert_eq!(verify(Some("a.shop.example")), Ok(()));
    assert_eq!(verify(None), Ok(()));
    assert_eq!(
        verify(Some("elsewhere.example")),
        Err(
            "the certificate of the server is not for \"elsewhere.example\": it is for \
             \"orders.example\", \"*.shop.example\", \"spiffe://example.org/orders\", \
             \"ops@example.org\", \"192.0.2.7\" and 1 more"
                .into()
        )
    );
}
