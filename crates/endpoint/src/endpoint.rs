//! Endpoints.

use std::fmt;
use std::sync::Arc;

use crate::identity::same_set;
use crate::{Address, Attributes};

/// One backend: the addresses by which it can be reached, in the order to try them, and what is
/// known of it.
///
/// Cheap to clone. Prints as its addresses in brackets.
///
/// Two are `==` if everything is the same, in the same order. What makes a backend another one is
/// [`same_addresses`](Self::same_addresses).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    addresses: Arc<[Address]>,
    attributes: Attributes,
}

impl Endpoint {
    /// A backend with these addresses, and no attributes.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = impl Into<Address>>) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            attributes: Attributes::new(),
        }
    }

    /// With these attributes in place of the earlier ones.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// The addresses, in the order to try them.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Whether the addresses are at the same places, in any order and any number: what gRFC A61
    /// calls the identity of an endpoint. Server names and attributes do not count.
    #[must_use]
    pub fn same_addresses(&self, other: &Self) -> bool {
        same_set(&self.addresses, &other.addresses, Address::location)
    }

    /// Whether connections to the addresses may be used for those of `other`: as many, in the same
    /// order, each [`same_connection`](Address::same_connection).
    #[must_use]
    pub fn same_connections(&self, other: &Self) -> bool {
        self.addresses.len() == other.addresses.len()
            && self
                .addresses
                .iter()
                .zip(&*other.addresses)
                .all(|(address, other)| address.same_connection(other))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, address) in self.addresses.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{address}")?;
        }
        f.write_str("]")
    }
}

impl<A: Into<Address>> FromIterator<A> for Endpoint {
    fn from_iter<I: IntoIterator<Item = A>>(addresses: I) -> Self {
        Self::new(addresses)
    }
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self::new([address])
    }
}
