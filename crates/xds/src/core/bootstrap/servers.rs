//! Parses servers of a bootstrap.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::error::BootstrapError;
use super::json::{Object, array, field, interval, list, object, optional, required, string, text};
use crate::core::resources::{Place, cut};
use crate::core::server::{
    DEFAULT_REFRESH_INTERVAL, IdentityFiles, ServerCallCredentials, ServerConfig,
    ServerCredentials, ServerFeatures, TlsFiles,
};

/// Parses a list of servers.
pub(super) fn servers(
    value: &Value,
    place: &Place<'_>,
) -> Result<Vec<Arc<ServerConfig>>, BootstrapError> {
    list(value, place, |value, place| {
        server(value, place).map(Arc::new)
    })
}

fn server(value: &Value, place: &Place<'_>) -> Result<ServerConfig, BootstrapError> {
    let fields = object(value, place)?;
    let uri = required(fields, place, "server_uri", text)?;
    let credentials = required(fields, place, "channel_creds", credentials)?;
    let call_credentials = optional(fields, place, "call_creds", call_credentials)?;
    let features = optional(fields, place, "server_features", features)?;
    Ok(ServerConfig {
        uri,
        credentials,
        call_credentials: call_credentials.unwrap_or_default(),
        features: features.unwrap_or_default(),
    })
}

/// Returns the first credentials of a supported type.
fn credentials(value: &Value, place: &Place<'_>) -> Result<ServerCredentials, BootstrapError> {
    let mut unsupported = Vec::new();
    for (at, entry) in array(value, place)?.iter().enumerate() {
        let place = &place.item(at);
        let (kind, config) = typed(entry, place)?;
        let config_place = &place.field("config");
        match kind {
            "insecure" => return Ok(ServerCredentials::Insecure),
            "tls" => return tls(config, config_place).map(ServerCredentials::Tls),
            other => unsupported.push(format!("{:?}", cut(other))),
        }
    }
    let text = if unsupported.is_empty() {
        "is empty".to_owned()
    } else {
        format!("no supported type among {}", unsupported.join(", "))
    };
    Err(BootstrapError::at(place, text))
}

/// Returns all credentials of calls that have a supported type.
fn call_credentials(
    value: &Value,
    place: &Place<'_>,
) -> Result<Vec<ServerCallCredentials>, BootstrapError> {
    let mut supported = Vec::new();
    for (at, entry) in array(value, place)?.iter().enumerate() {
        let place = &place.item(at);
        let (kind, config) = typed(entry, place)?;
        if kind == "jwt_token_file" {
            let place = &place.field("config");
            let file = with_fields(config, place, |fields| {
                required(fields, place, "jwt_token_file", text)
            })?;
            supported.push(ServerCallCredentials::JwtTokenFile(file.into()));
        }
    }
    Ok(supported)
}

/// Returns the `type` and the `config` of credentials.
fn typed<'a>(
    value: &'a Value,
    place: &Place<'_>,
) -> Result<(&'a str, Option<&'a Value>), BootstrapError> {
    let fields = object(value, place)?;
    let kind = required(fields, place, "type", string)?;
    Ok((kind, field(fields, "config")))
}

/// Reads the fields of a config; an absent one has none.
fn with_fields<T>(
    config: Option<&Value>,
    place: &Place<'_>,
    read: impl FnOnce(&Object) -> Result<T, BootstrapError>,
) -> Result<T, BootstrapError> {
    match config {
        Some(config) => read(object(config, place)?),
        None => read(&Object::new()),
    }
}

fn tls(config: Option<&Value>, place: &Place<'_>) -> Result<TlsFiles, BootstrapError> {
    with_fields(config, place, |fields| tls_files(fields, place))
}

/// Reads the files of certificates, and how often they are read again.
pub(super) fn tls_files(fields: &Object, place: &Place<'_>) -> Result<TlsFiles, BootstrapError> {
    let file = |name| optional(fields, place, name, text).map(|file| file.map(PathBuf::from));
    let certificate_file = file("certificate_file")?;
    let identity = match (certificate_file, file("private_key_file")?) {
        (Some(certificate_file), Some(private_key_file)) => Some(IdentityFiles {
            certificate_file,
            private_key_file,
        }),
        (None, None) => None,
        (Some(_), None) => {
            let text = "is missing: certificate_file needs it";
            return Err(BootstrapError::at(place.field("private_key_file"), text));
        }
        (None, Some(_)) => {
            let text = "is missing: private_key_file needs it";
            return Err(BootstrapError::at(place.field("certificate_file"), text));
        }
    };
    let refresh_interval = optional(fields, place, "refresh_interval", interval)?;
    Ok(TlsFiles {
        ca_certificate_file: file("ca_certificate_file")?,
        identity,
        refresh_interval: refresh_interval.unwrap_or(DEFAULT_REFRESH_INTERVAL),
    })
}

/// Reads the known features; entries may have any type.
fn features(value: &Value, place: &Place<'_>) -> Result<ServerFeatures, BootstrapError> {
    let entries = array(value, place)?;
    let has = |name: &str| entries.iter().any(|entry| entry.as_str() == Some(name));
    Ok(ServerFeatures {
        ignore_resource_deletion: has("ignore_resource_deletion"),
        trusted_xds_server: has("trusted_xds_server"),
        fail_on_data_errors: has("fail_on_data_errors"),
        // gRFC A88 has both spellings.
        resource_timer_is_transient_error: has("resource_timer_is_transient_error")
            || has("resource_timer_is_transient_failure"),
    })
}
