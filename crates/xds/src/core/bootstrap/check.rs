//! What a bootstrap must fulfil, whether it is parsed or made in code.

use std::sync::Arc;

use trunkline_target::Target;

use super::error::BootstrapError;
use super::value::Bootstrap;
use crate::core::names::encode_for_xdstp;
use crate::core::resources::Place;
use crate::core::server::ServerConfig;

impl Bootstrap {
    /// Checks what the types cannot: that there is a server, that their targets can be used, and that
    /// the templates of the authorities are their own. A channel does so for each bootstrap.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, named as in the JSON.
    pub fn check(&self) -> Result<(), BootstrapError> {
        let root = &Place::Root;
        let place = &root.field("xds_servers");
        if self.servers.is_empty() {
            return Err(BootstrapError::at(place, "is empty"));
        }
        check_servers(&self.servers, place)?;
        let place = &root.field("authorities");
        for (name, authority) in &self.authorities {
            let place = &place.key(name);
            check_servers(&authority.servers, &place.field("xds_servers"))?;
            let start = format!("xdstp://{}/", encode_for_xdstp(name));
            if let Some(template) = &authority.listener_name_template
                && !template.starts_with(&start)
            {
                let place = place.field("client_listener_resource_name_template");
                let text = format!("must start with {start:?}");
                return Err(BootstrapError::at(place, text));
            }
        }
        Ok(())
    }
}

fn check_servers(servers: &[Arc<ServerConfig>], place: &Place<'_>) -> Result<(), BootstrapError> {
    for (at, server) in servers.iter().enumerate() {
        let place = &place.item(at);
        check_uri(&server.uri, &place.field("server_uri"))?;
    }
    Ok(())
}

fn check_uri(uri: &str, place: &Place<'_>) -> Result<(), BootstrapError> {
    if uri.is_empty() {
        return Err(BootstrapError::at(place, "is empty"));
    }
    let target = Target::parse(uri).map_err(|error| BootstrapError::at(place, error.message()))?;
    if target.scheme() == "xds" {
        let text = "is itself an xds target: a server needs an address or a name to look up";
        return Err(BootstrapError::at(place, text));
    }
    Ok(())
}
