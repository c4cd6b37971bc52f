//! The proxies that the environment names.

use std::io;

use super::destination::Destination;
use super::mapper::{ProxyMapper, TargetRoute};
use super::no_proxy::NoProxy;
use super::server::{ProxyServer, ProxyUrlError};

/// The variables that name the proxy: the first that is set decides, also when it is empty. The
/// upper-case form of `http_proxy` is left out: a CGI server makes `HTTP_PROXY` from a request's
/// header.
///
/// Source: [the default HTTP proxy mapper of gRPC](https://github.com/grpc/grpc/blob/master/doc/default_http_proxy_mapper.md).
/// Upper case is Go's and curl's.
const PROXY: [&str; 5] = [
    "grpc_proxy",
    "GRPC_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
];

/// The variables that list the destinations without a proxy: the first that is set decides.
const NO_PROXY: [&str; 4] = ["no_grpc_proxy", "NO_GRPC_PROXY", "no_proxy", "NO_PROXY"];

/// The variable that names the proxy for some addresses, and the one that lists them.
///
/// Source: `GRPC_ARG_ADDRESS_HTTP_PROXY` of gRPC's C core.
const ADDRESS_PROXY: &str = "GRPC_ADDRESS_HTTP_PROXY";
const ADDRESS_PROXY_FOR: &str = "GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES";

/// The proxies that environment variables name.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// The proxy of everything that is not listed; `None` if there is none.
    general: Option<Named>,
    no_proxy: NoProxy,
    /// The proxy of the addresses in `addresses`.
    of_addresses: Option<Named>,
    addresses: NoProxy,
}

/// The proxy in one variable.
#[derive(Clone, Debug)]
struct Named {
    variable: &'static str,
    server: Result<ProxyServer, ProxyUrlError>,
}

impl Environment {
    /// Reads the variables, each with `get`.
    pub(crate) fn new(get: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            let mut set = names.iter().map(|name| Some((*name, get(name)?)));
            set.find_map(|found| found)
        };
        let list = |names: &[&'static str]| {
            let text = first(names).map(|(_, text)| text).unwrap_or_default();
            text.parse()
                .unwrap_or_else(|never: std::convert::Infallible| match never {})
        };
        let named = |names: &[&'static str]| {
            let (variable, url) = first(names)?;
            let url = url.trim();
            (!url.is_empty()).then(|| Named {
                variable,
                server: url.parse(),
            })
        };
        Self {
            general: named(&PROXY),
            no_proxy: list(&NO_PROXY),
            of_addresses: named(&[ADDRESS_PROXY]),
            addresses: list(&[ADDRESS_PROXY_FOR]),
        }
    }
}

impl Named {
    /// Returns the proxy.
    ///
    /// # Errors
    ///
    /// When the variable has no valid URL. A direct connection would be a surprise to the operator
    /// that set the variable.
    fn get(&self) -> io::Result<ProxyServer> {
        self.server.clone().map_err(|error| {
            let text = format!(
                "the environment variable {} is {error}; correct it, or unset it",
                self.variable
            );
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
    }
}

impl ProxyMapper for Environment {
    fn map_target(&self, target: &Destination) -> io::Result<TargetRoute> {
        if target.is_loopback() || self.no_proxy.contains(target) {
            return Ok(TargetRoute::Direct);
        }
        match &self.general {
            Some(proxy) => proxy.get().map(TargetRoute::Via),
            None => Ok(TargetRoute::ByAddress),
        }
    }

    fn map_address(&self, address: &Destination) -> io::Result<Option<ProxyServer>> {
        if let Some(proxy) = &self.of_addresses
            && self.addresses.contains(address)
        {
            return proxy.get().map(Some);
        }
        if address.is_loopback() || self.no_proxy.contains(address) {
            return Ok(None);
        }
        self.general.as_ref().map(Named::get).transpose()
    }
}
