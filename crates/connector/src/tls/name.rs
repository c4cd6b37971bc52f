//! The names of servers: which one a certificate must be for, and which ones it covers.

use std::net::IpAddr;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use trunkline_endpoint::{Address, Location};

use super::certificate::Certificate;
use super::error::{TlsError, TlsErrorKind};
use super::explain::its_names;
use super::options::Tls;
use crate::authority_error::{AuthorityError, AuthorityErrorKind};
use crate::info::AuthorityValidator;

/// The names for which the certificates of addresses must be.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// This name, for all addresses.
    One(ServerName<'static>),
    /// The server name of the address, or this one where it has none.
    OfAddressOr(ServerName<'static>),
    /// The IP address itself.
    IpAddress,
    /// Any: the user checks the names of certificates. What is sent is the server name of the
    /// address if `is_of_address`, else `name`, else none.
    Unchecked {
        is_of_address: bool,
        name: Option<ServerName<'static>>,
    },
}

impl Names {
    /// Returns the names of servers that are reached as `authority`; without one, by their address.
    pub(super) fn new(tls: &Tls, authority: Option<&str>) -> Result<Self, TlsError> {
        let own = tls.server_name.as_deref().map(parse_name).transpose()?;
        if tls.name_check.is_some() {
            return Ok(Self::Unchecked {
                is_of_address: tls.trusts_address_names,
                name: own,
            });
        }
        if let Some(name) = own {
            return Ok(Self::One(name));
        }
        let Some(authority) = authority else {
            return Ok(Self::IpAddress);
        };
        let name = parse_name(host_of(authority))?;
        Ok(if tls.trusts_address_names {
            Self::OfAddressOr(name)
        } else {
            Self::One(name)
        })
    }

    /// Returns the name for which the certificate of this address must be.
    pub(super) fn of(&self, address: &Address) -> Result<ServerName<'static>, TlsError> {
        match (self, address.server_name(), address.location()) {
            (
                Self::OfAddressOr(_)
                | Self::Unchecked {
                    is_of_address: true,
                    ..
                },
                Some(name),
                _,
            ) => parse_name(host_of(name)),
            (
                Self::One(name)
                | Self::OfAddressOr(name)
                | Self::Unchecked {
                    name: Some(name), ..
                },
                ..,
            ) => Ok(name.clone()),
            // rustls sends no IP address: without a name it is only the key of its sessions.
            (
                Self::IpAddress | Self::Unchecked { name: None, .. },
                _,
                Location::Socket(address),
            ) => Ok(ServerName::IpAddress(address.ip().into())),
            (Self::IpAddress | Self::Unchecked { name: None, .. }, ..) => {
                let text = format!(
                    "{address} is no IP address that a certificate can have: set the name to check \
                     with `Tls::with_server_name`"
                );
                Err(TlsError::new(TlsErrorKind::ServerName, text))
            }
        }
    }
}

/// Returns the host of an authority: without a port, and without the brackets of an IPv6 address.
pub(super) fn host_of(authority: &str) -> &str {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match authority.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, port)) if port.contains(':') => authority,
        Some((host, _)) => host,
        None => authority,
    }
}

pub(super) fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(ip.into()));
    }
    ServerName::try_from(name.to_owned()).map_err(|error| {
        let text = format!(
            "`{name}` is not a name that a certificate can have ({error}): set the one to check \
             with `Tls::with_server_name`"
        );
        TlsError::new(TlsErrorKind::ServerName, text).with_source(error)
    })
}

/// The names for which a server has a certificate.
#[derive(Debug)]
pub(super) struct CertifiedNames {
    pub(super) certificate: CertificateDer<'static>,
    /// The name that the handshake checked, if it checked one.
    pub(super) server_name: Option<ServerName<'static>>,
}

impl AuthorityValidator for CertifiedNames {
    fn validate(&self, authority: &str) -> Result<(), AuthorityError> {
        let host = host_of(authority);
        if let Some(checked) = &self.server_name
            && host.eq_ignore_ascii_case(&checked.to_str())
        {
            return Ok(());
        }
        let name = parse_name(host).map_err(|error| {
            let text = error.to_string();
            AuthorityError::new(AuthorityErrorKind::InvalidName, text).with_source(error)
        })?;
        let covers = ParsedCertificate::try_from(&self.certificate)
            .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok());
        if covers {
            return Ok(());
        }
        let names = Certificate::from_der(&self.certificate)
            .map_or_else(|| "it cannot be read".to_owned(), |own| its_names(&own));
        let text = format!("the server's certificate does not cover it, {names}");
        Err(AuthorityError::new(AuthorityErrorKind::NotProved, text))
    }
}
