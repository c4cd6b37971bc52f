//! Parses a bootstrap from JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::certificate_provider::certificate_providers;
use super::error::BootstrapError;
use super::json::{boolean, object, optional, required, string, string_or_empty, text};
use super::node::{Node, NodeLocality};
use super::servers::servers;
use super::value::{Authority, Bootstrap, DEFAULT_TEMPLATE};
use crate::core::resources::Place;

impl Bootstrap {
    /// Parses the JSON that xDS clients of gRPC share.
    ///
    /// Unknown fields are ignored, and so are providers of certificates, credentials of calls and
    /// features of servers that are unknown. A known field of a wrong type is an error.
    ///
    /// # Errors
    ///
    /// Where the text is no JSON, or which field is wrong; see [`check`](Self::check), too.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_xds::core::Bootstrap;
    ///
    /// let bootstrap = Bootstrap::parse(r#"{
    ///     "xds_servers": [{
    ///         "server_uri": "plane.example:18000",
    ///         "channel_creds": [{ "type": "google_default" }, { "type": "insecure" }]
    ///     }],
    ///     "node": { "id": "orders-7f9c" }
    /// }"#)?;
    /// assert_eq!(bootstrap.node.id, "orders-7f9c");
    ///
    /// let error = Bootstrap::parse(r#"{ "xds_servers": [{ "server_uri": 7 }] }"#).unwrap_err();
    /// let text = "xds bootstrap: xds_servers[0].server_uri: expected a string, found a number";
    /// assert_eq!(error.to_string(), text);
    /// # Ok::<(), trunkline_xds::core::BootstrapError>(())
    /// ```
    pub fn parse(json: &str) -> Result<Self, BootstrapError> {
        let value: Value = serde_json::from_str(json)?;
        let place = &Place::Root;
        let fields = object(&value, place)?;
        let template = "client_default_listener_resource_name_template";
        let template = optional(fields, place, template, text)?;
        let authorities = optional(fields, place, "authorities", authorities)?;
        let providers = "certificate_providers";
        let providers = optional(fields, place, providers, certificate_providers)?;
        // The next fields are for servers, and for filters that call services.
        optional(
            fields,
            place,
            "server_listener_resource_name_template",
            string,
        )?;
        optional(fields, place, "allowed_grpc_services", object)?;
        let bootstrap = Self {
            servers: required(fields, place, "xds_servers", servers)?,
            node: optional(fields, place, "node", node)?.unwrap_or_default(),
            authorities: authorities.unwrap_or_default(),
            listener_name_template: template.unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
            certificate_providers: providers.unwrap_or_default(),
        };
        bootstrap.check()?;
        Ok(bootstrap)
    }
}

fn node(value: &Value, place: &Place<'_>) -> Result<Node, BootstrapError> {
    let fields = object(value, place)?;
    let metadata = optional(fields, place, "metadata", object)?;
    Ok(Node {
        id: string_or_empty(fields, place, "id")?,
        cluster: string_or_empty(fields, place, "cluster")?,
        locality: optional(fields, place, "locality", locality)?,
        metadata: metadata.cloned().unwrap_or_default(),
        ..Node::default()
    })
}

fn locality(value: &Value, place: &Place<'_>) -> Result<NodeLocality, BootstrapError> {
    let fields = object(value, place)?;
    Ok(NodeLocality {
        region: string_or_empty(fields, place, "region")?,
        zone: string_or_empty(fields, place, "zone")?,
        sub_zone: string_or_empty(fields, place, "sub_zone")?,
    })
}

fn authorities(
    value: &Value,
    place: &Place<'_>,
) -> Result<BTreeMap<Arc<str>, Authority>, BootstrapError> {
    let mut authorities = BTreeMap::new();
    for (name, value) in object(value, place)? {
        authorities.insert(name.as_str().into(), authority(value, &place.key(name))?);
    }
    Ok(authorities)
}

fn authority(value: &Value, place: &Place<'_>) -> Result<Authority, BootstrapError> {
    let fields = object(value, place)?;
    let template = "client_listener_resource_name_template";
    let reachability = optional(fields, place, "fallback_on_reachability_only", boolean)?;
    Ok(Authority {
        servers: optional(fields, place, "xds_servers", servers)?.unwrap_or_default(),
        listener_name_template: optional(fields, place, template, text)?,
        fallback_on_reachability_only: reachability.unwrap_or_default(),
    })
}
