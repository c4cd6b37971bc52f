//! The transport security of a cluster.
//!
//! Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md),
//! [A82](https://github.com/grpc/proposal/blob/master/A82-xds-system-root-certs.md),
//! [A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md),
//! [A101](https://github.com/grpc/proposal/blob/master/A101-SNI-setting-and-SNI-SAN-validation.md).

// From the ground up: a module uses only those above it.

mod providers;

mod roots;

use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::core::v3::TransportSocket as Message;
use trunkline_xds_proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_xds_proto::envoy::extensions::transport_sockets::http_11_proxy::v3::Http11ProxyUpstreamTransport;
use trunkline_xds_proto::envoy::extensions::transport_sockets::tls::v3::{
    CommonTlsContext, UpstreamTlsContext,
};
use trunkline_xds_proto::google::protobuf::Any;

pub(super) use self::providers::Providers;
use crate::core::resources::fault::{Faults, Place, quote};
use crate::core::resources::security::UpstreamTls;

/// The name that the transport socket of TLS must have.
const TLS: &str = "envoy.transport_sockets.tls";

/// The longest server name.
const LONGEST_SNI: usize = 255;

/// How connections to a cluster are made.
#[derive(Debug, Default)]
pub(super) struct TransportSocket {
    /// TLS; `None` for that of the channel.
    pub(super) tls: Option<UpstreamTls>,
    /// Whether they go through the proxy of the endpoint.
    pub(super) http11_proxy: bool,
}

/// Reads a transport socket: TLS, a proxy, or TLS through a proxy.
pub(super) fn transport_socket(
    message: &Message,
    providers: Providers<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<TransportSocket> {
    let config = typed_config(message);
    let proxy = match config.and_then(Http11ProxyUpstreamTransport::unpack) {
        None => {
            let tls = tls(message, providers, place, faults)?;
            return Some(TransportSocket {
                tls: Some(tls),
                http11_proxy: false,
            });
        }
        Some(Ok(proxy)) => proxy,
        Some(Err(error)) => {
            faults.add(&place.field("typed_config"), error.to_string());
            return None;
        }
    };
    let place = place.field("typed_config");
    let place = place.field("transport_socket");
    let tls = match &proxy.transport_socket {
        Some(inner) => Some(tls(inner, providers, &place, faults)?),
        None => None,
    };
    Some(TransportSocket {
        tls,
        http11_proxy: true,
    })
}

fn typed_config(message: &Message) -> Option<&Any> {
    let ConfigType::TypedConfig(config) = message.config_type.as_ref()?;
    Some(config)
}

fn tls(
    message: &Message,
    providers: Providers<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<UpstreamTls> {
    let config = typed_config(message);
    if message.name != TLS {
        let text = format!("unsupported transport socket {}", quote(&message.name));
        faults.add(&place.field("name"), text);
        return None;
    }
    let place = place.field("typed_config");
    let context = match config.and_then(UpstreamTlsContext::unpack) {
        Some(Ok(context)) => context,
        Some(Err(error)) => {
            faults.add(&place, error.to_string());
            return None;
        }
        None => {
            let found = config.map_or("", |config| &config.type_url);
            faults.add(&place, format!("unsupported type {}", quote(found)));
            return None;
        }
    };
    if context.sni.len() > LONGEST_SNI {
        let text = format!("{} bytes, the most is {LONGEST_SNI}", context.sni.len());
        faults.add(&place.field("sni"), text);
    }
    let place = place.field("common_tls_context");
    let Some(common) = &context.common_tls_context else {
        faults.add(&place, "is missing");
        return None;
    };
    for (field, is_present) in [
        ("tls_params", common.tls_params.is_some()),
        ("custom_handshaker", common.custom_handshaker.is_some()),
    ] {
        if is_present {
            faults.add(&place.field(field), "unsupported");
        }
    }
    let identity = identity(common, providers, &place, faults);
    let roots = roots::decode(common, providers, &place, faults)?;
    Some(UpstreamTls {
        roots: roots.provider,
        identity,
        subject_alt_names: roots.subject_alt_names,
        sni: context.sni.into(),
        auto_host_sni: context.auto_host_sni,
        auto_sni_san_validation: context.auto_sni_san_validation,
    })
}

/// Reads where this side's certificate comes from; `None` for no certificate.
fn identity(
    common: &CommonTlsContext,
    providers: Providers<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<providers::Instance> {
    let deprecated = &common.tls_certificate_certificate_provider_instance;
    if let Some(instance) = &common.tls_certificate_provider_instance {
        let place = place.field("tls_certificate_provider_instance");
        return providers.find(instance, &place, faults);
    }
    if let Some(instance) = deprecated {
        let place = place.field("tls_certificate_certificate_provider_instance");
        return providers.find(instance, &place, faults);
    }
    for (field, is_present) in [
        ("tls_certificates", !common.tls_certificates.is_empty()),
        (
            "tls_certificate_sds_secret_configs",
            !common.tls_certificate_sds_secret_configs.is_empty(),
        ),
    ] {
        if is_present {
            let text = "unsupported; use tls_certificate_provider_instance";
            faults.add(&place.field(field), text);
        }
    }
    None
}
