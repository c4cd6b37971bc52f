//! Validation of the transport security of clusters: clauses 6.2, 6.3 and 6.5 of the specification.

use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster as Proto;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::{
    DataSource, TransportSocket, TypedExtensionConfig,
};
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::http_11_proxy::v3::Http11ProxyUpstreamTransport;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::SystemRootCerts;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::{
    CertificateProviderInstance, CombinedCertificateValidationContext, ValidationContextType,
};
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateProviderPluginInstance, CertificateValidationContext, CommonTlsContext,
    SdsSecretConfig, TlsCertificate, TlsParameters, UpstreamTlsContext,
};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher as MatcherProto,
};
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::resources::{Cluster, StringMatcher, UpstreamTls};
use trunkline_xds::core::{CertificateProvider, WatchedFiles};

use crate::cluster::decode_with;

/// Decodes a cluster with the certificate provider `files` in the bootstrap.
fn decode(message: &Proto) -> Result<Cluster, String> {
    let files = CertificateProvider::FileWatcher(WatchedFiles::default());
    decode_with(message, &[("files".into(), files)].into())
}

fn tls(message: &Proto) -> Result<Option<UpstreamTls>, String> {
    decode(message).map(|cluster| cluster.tls)
}

#[track_caller]
fn check_faults(message: &Proto, faults: &[&str]) {
    assert_eq!(decode(message), Err(faults.join("\n")));
}

fn socket(name: &str, config: Any) -> TransportSocket {
    TransportSocket {
        name: name.into(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

fn with_socket(socket: TransportSocket) -> Proto {
    Proto {
        transport_socket: Some(socket),
        ..resources::cluster("orders")
    }
}

fn with_context(context: &UpstreamTlsContext) -> Proto {
    with_socket(socket("envoy.transport_sockets.tls", context.pack()))
}

fn with_common(common: CommonTlsContext) -> Proto {
    with_context(&UpstreamTlsContext {
        common_tls_context: Some(common),
        ..UpstreamTlsContext::default()
    })
}

fn with_validation(context: CertificateValidationContext) -> Proto {
    with_common(validating(context))
}

fn validating(context: CertificateValidationContext) -> CommonTlsContext {
    CommonTlsContext {
        validation_context_type: Some(ValidationContextType::ValidationContext(context)),
        ..CommonTlsContext::default()
    }
}

fn instance(name: &str, certificate: &str) -> CertificateProviderPluginInstance {
    CertificateProviderPluginInstance {
        instance_name: name.into(),
        certificate_name: certificate.into(),
    }
}

fn deprecated(name: &str, certificate: &str) -> CertificateProviderInstance {
    CertificateProviderInstance {
        instance_name: name.into(),
        certificate_name: certificate.into(),
    }
}

/// Returns a context with the roots of the provider `files`.
fn roots() -> CertificateValidationContext {
    CertificateValidationContext {
        ca_certificate_provider_instance: Some(instance("files", "ca")),
        ..CertificateValidationContext::default()
    }
}

/// Returns what is read of a context with the roots alone.
fn plain() -> UpstreamTls {
    tls(&with_validation(roots()))
        .expect("a valid cluster")
        .expect("TLS")
}

/// The place of the common context.
const COMMON: &str = "transport_socket.typed_config.common_tls_context";

/// A cluster without a transport socket has the security of the channel.
#[test]
fn xds_6_1_no_transport_socket() {
    assert_eq!(tls(&resources::cluster("orders")), Ok(None));
}

/// All that is read of TLS.
#[test]
fn xds_6_2_tls() {
    let matcher = |match_pattern, ignore_case| MatcherProto {
        match_pattern: Some(match_pattern),
        ignore_case,
    };
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_provider_instance: Some(instance("files", "mine")),
            ..validating(CertificateValidationContext {
                match_subject_alt_names: vec![
                    matcher(MatchPattern::Exact("a.example".into()), false),
                    matcher(MatchPattern::Prefix("spiffe://a/".into()), true),
                ],
                ..roots()
            })
        }),
        sni: "sni.example".into(),
        auto_host_sni: true,
        auto_sni_san_validation: true,
    };
    let read = tls(&with_context(&context)).expect("valid").expect("TLS");
    assert_eq!(read.roots, Some(("files".into(), "ca".into())));
    assert_eq!(read.identity, Some(("files".into(), "mine".into())));
    assert_eq!(
        read.subject_alt_names,
        [
            StringMatcher::Exact {
                text: "a.example".into(),
                ignore_case: false,
            },
            StringMatcher::Prefix {
                text: "spiffe://a/".into(),
                ignore_case: true,
            },
        ]
    );
    assert_eq!(&*read.sni, "sni.example");
    assert!(read.auto_host_sni && read.auto_sni_san_validation);

    let plain = plain();
    assert_eq!(plain.identity, None);
    assert_eq!(plain.subject_alt_names, []);
    assert_eq!(&*plain.sni, "");
    assert!(!plain.auto_host_sni && !plain.auto_sni_san_validation);
}

/// Another transport socket is refused: by its name, or by the type of its configuration.
#[test]
fn xds_6_2_other_transport_sockets() {
    let context = UpstreamTlsContext::default().pack();
    check_faults(
        &with_socket(socket("envoy.transport_sockets.raw_buffer", context)),
        &["transport_socket.name: unsupported transport socket \
           \"envoy.transport_sockets.raw_buffer\""],
    );
    let other = Any {
        type_url: "type.googleapis.com/a.B".into(),
        ..Any::default()
    };
    check_faults(
        &with_socket(socket("envoy.transport_sockets.tls", other)),
        &["transport_socket.typed_config: unsupported type \"type.googleapis.com/a.B\""],
    );
    let none = TransportSocket {
        name: "envoy.transport_sockets.tls".into(),
        config_type: None,
    };
    check_faults(
        &with_socket(none),
        &["transport_socket.typed_config: unsupported type \"\""],
    );
}

/// A proxy is around TLS, or around nothing, and around no other socket.
#[test]
fn xds_6_2_http11_proxy() {
    let proxy = |transport_socket| {
        let config = Http11ProxyUpstreamTransport { transport_socket };
        socket("envoy.transport_sockets.http_11_proxy", config.pack())
    };
    let seen = |message: &Proto| decode(message).map(|it| (it.http11_proxy, it.tls));
    assert_eq!(seen(&with_socket(proxy(None))), Ok((true, None)));
    let inner = with_validation(roots()).transport_socket;
    assert_eq!(seen(&with_socket(proxy(inner))), Ok((true, Some(plain()))));
    check_faults(
        &with_socket(proxy(Some(proxy(None)))),
        &[
            "transport_socket.typed_config.transport_socket.name: unsupported transport socket \
           \"envoy.transport_sockets.http_11_proxy\"",
        ],
    );
}

/// The common context is required.
#[test]
fn xds_6_3_common_context_is_required() {
    check_faults(
        &with_context(&UpstreamTlsContext::default()),
        &[&format!("{COMMON}: is missing")],
    );
}

/// Parameters of TLS and other handshakers are refused.
#[test]
fn xds_6_3_parameters_are_refused() {
    let common = CommonTlsContext {
        tls_params: Some(TlsParameters {}),
        custom_handshaker: Some(TypedExtensionConfig::default()),
        ..validating(roots())
    };
    check_faults(
        &with_common(common),
        &[
            &format!("{COMMON}.tls_params: unsupported"),
            &format!("{COMMON}.custom_handshaker: unsupported"),
        ],
    );
}

/// The roots come from a provider or from the platform: neither is refused, and so are secrets.
#[test]
fn xds_6_3_roots() {
    let system = CertificateValidationContext {
        system_root_certs: Some(SystemRootCerts {}),
        ..CertificateValidationContext::default()
    };
    let read = tls(&with_validation(system)).expect("valid").expect("TLS");
    assert_eq!(read.roots, None);

    let needed = "needs ca_certificate_provider_instance or system_root_certs";
    check_faults(
        &with_validation(CertificateValidationContext::default()),
        &[&format!("{COMMON}.validation_context: {needed}")],
    );
    check_faults(
        &with_common(CommonTlsContext::default()),
        &[&format!("{COMMON}.validation_context: {needed}")],
    );
    let secret = CommonTlsContext {
        validation_context_type: Some(ValidationContextType::ValidationContextSdsSecretConfig(
            SdsSecretConfig {},
        )),
        ..CommonTlsContext::default()
    };
    check_faults(
        &with_common(secret),
        &[&format!(
            "{COMMON}.validation_context_sds_secret_config: unsupported"
        )],
    );
}

fn with_combined(combined: CombinedCertificateValidationContext) -> Proto {
    with_common(CommonTlsContext {
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(combined)),
        ..CommonTlsContext::default()
    })
}

/// The combined context: its default, the deprecated provider where the default has none, no secret.
#[test]
fn xds_6_3_combined_context() {
    let combined = CombinedCertificateValidationContext {
        default_validation_context: Some(roots()),
        ..CombinedCertificateValidationContext::default()
    };
    assert_eq!(tls(&with_combined(combined.clone())), Ok(Some(plain())));

    // The new field replaces the deprecated one, whatever that has.
    let both = CombinedCertificateValidationContext {
        validation_context_certificate_provider_instance: Some(deprecated("gone", "")),
        ..combined.clone()
    };
    assert_eq!(tls(&with_combined(both)), Ok(Some(plain())));
    let only_deprecated = |name| CombinedCertificateValidationContext {
        validation_context_certificate_provider_instance: Some(deprecated(name, "ca")),
        ..CombinedCertificateValidationContext::default()
    };
    assert_eq!(
        tls(&with_combined(only_deprecated("files"))),
        Ok(Some(plain()))
    );
    check_faults(
        &with_combined(only_deprecated("gone")),
        &[&format!(
            "{COMMON}.combined_validation_context.validation_context_certificate_provider_instance\
             .instance_name: certificate provider \"gone\" is not in the bootstrap"
        )],
    );

    let secret = CombinedCertificateValidationContext {
        validation_context_sds_secret_config: Some(SdsSecretConfig {}),
        ..combined
    };
    check_faults(
        &with_combined(secret),
        &[&format!(
            "{COMMON}.combined_validation_context.validation_context_sds_secret_config: unsupported"
        )],
    );
}

/// The deprecated fields of providers are read where the new ones are absent.
#[test]
fn xds_6_3_deprecated_providers() {
    let common = CommonTlsContext {
        validation_context_type: Some(
            ValidationContextType::ValidationContextCertificateProviderInstance(deprecated(
                "files", "ca",
            )),
        ),
        tls_certificate_certificate_provider_instance: Some(deprecated("files", "mine")),
        ..CommonTlsContext::default()
    };
    let read = tls(&with_common(common)).expect("valid").expect("TLS");
    assert_eq!(read.roots, Some(("files".into(), "ca".into())));
    assert_eq!(read.identity, Some(("files".into(), "mine".into())));
}

/// Each instance must be in the bootstrap.
#[test]
fn xds_6_3_instances_are_in_the_bootstrap() {
    let common = CommonTlsContext {
        tls_certificate_provider_instance: Some(instance("x", "")),
        ..validating(CertificateValidationContext {
            ca_certificate_provider_instance: Some(instance("y", "")),
            ..CertificateValidationContext::default()
        })
    };
    let missing = |name| format!("certificate provider \"{name}\" is not in the bootstrap");
    let roots = "validation_context.ca_certificate_provider_instance";
    check_faults(
        &with_common(common),
        &[
            &format!(
                "{COMMON}.tls_certificate_provider_instance.instance_name: {}",
                missing("x")
            ),
            &format!("{COMMON}.{roots}.instance_name: {}", missing("y")),
        ],
    );
}

/// A certificate in the message, or as a secret, is refused where no provider is there.
#[test]
fn xds_6_3_certificates_without_a_provider() {
    let common = CommonTlsContext {
        tls_certificates: vec![TlsCertificate {}],
        tls_certificate_sds_secret_configs: vec![SdsSecretConfig {}],
        ..validating(roots())
    };
    let text = "unsupported; use tls_certificate_provider_instance";
    check_faults(
        &with_common(common.clone()),
        &[
            &format!("{COMMON}.tls_certificates: {text}"),
            &format!("{COMMON}.tls_certificate_sds_secret_configs: {text}"),
        ],
    );
    let provided = CommonTlsContext {
        tls_certificate_provider_instance: Some(instance("files", "mine")),
        ..common
    };
    assert!(decode(&with_common(provided)).is_ok());
}

/// Conditions on a certificate that are not checked are refused.
#[test]
fn xds_6_3_other_validations_are_refused() {
    let context = CertificateValidationContext {
        verify_certificate_spki: vec!["a".into()],
        verify_certificate_hash: vec!["b".into()],
        require_signed_certificate_timestamp: Some(true),
        crl: Some(DataSource {}),
        custom_validator_config: Some(TypedExtensionConfig::default()),
        ..roots()
    };
    let fields = [
        "verify_certificate_spki",
        "verify_certificate_hash",
        "require_signed_certificate_timestamp",
        "crl",
        "custom_validator_config",
    ];
    let faults = fields.map(|field| format!("{COMMON}.validation_context.{field}: unsupported"));
    check_faults(
        &with_validation(context),
        &faults.each_ref().map(String::as_str),
    );
    let not_required = CertificateValidationContext {
        require_signed_certificate_timestamp: Some(false),
        ..roots()
    };
    assert_eq!(tls(&with_validation(not_required)), Ok(Some(plain())));
}

/// A bad matcher is a fault with its place.
#[test]
fn xds_6_3_matchers_are_validated() {
    let regex = MatchPattern::SafeRegex(RegexMatcher { regex: "(".into() });
    let context = CertificateValidationContext {
        match_subject_alt_names: vec![
            MatcherProto::default(),
            MatcherProto {
                match_pattern: Some(regex),
                ignore_case: false,
            },
        ],
        ..roots()
    };
    let faults = decode(&with_validation(context)).expect_err("faults");
    let list = format!("{COMMON}.validation_context.match_subject_alt_names");
    let mut lines = faults.lines();
    assert_eq!(
        lines.next(),
        Some(&*format!("{list}[0]: unsupported matcher"))
    );
    let second = lines.next().unwrap_or_default();
    assert!(
        second.starts_with(&format!("{list}[1].safe_regex.regex: ")),
        "{second}"
    );
}

/// A server name has at most 255 bytes.
#[test]
fn xds_6_5_sni_is_bounded() {
    let context = |bytes| UpstreamTlsContext {
        common_tls_context: Some(validating(roots())),
        sni: "a".repeat(bytes),
        ..UpstreamTlsContext::default()
    };
    assert!(decode(&with_context(&context(255))).is_ok());
    check_faults(
        &with_context(&context(256)),
        &["transport_socket.typed_config.sni: 256 bytes, the most is 255"],
    );
}
