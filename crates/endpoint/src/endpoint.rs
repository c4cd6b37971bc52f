//! Endpoints: the backends of a service.

use std::fmt;
use std::sync::Arc;

use crate::set::same_set;
use crate::{Address, Attributes};

/// One backend: its addresses, in the order to try them, and its attributes.
///
/// A clone allocates nothing. Prints as its addresses in brackets.
///
/// Two endpoints are `==` if everything is the same, in the same order. They are the same backend
/// if they have the [same addresses](Self::same_addresses).
#[derive(Clone, Default, PartialEq)]
pub struct Endpoint {
    addresses: Addresses,
    attributes: Attributes,
}

/// The addresses of an endpoint. Nearly every backend has one address or two, which are stored in
/// the endpoint itself, so that comparing or dropping it reads no other memory.
#[derive(PartialEq)]
enum Addresses {
    One([Address; 1]),
    Two([Address; 2]),
    Shared(Arc<[Address]>),
}

impl Endpoint {
    /// Returns an endpoint with these addresses, and no attributes.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = impl Into<Address>>) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            attributes: Attributes::new(),
        }
    }

    /// Sets the attributes, in place of the earlier ones.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Returns the addresses, in the order to try them.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        match &self.addresses {
            Addresses::One(addresses) => addresses,
            Addresses::Two(addresses) => addresses,
            Addresses::Shared(addresses) => addresses,
        }
    }

    /// Returns the attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// True when both have the same set of locations, in any order, each any number of times. This
    /// is the identity of an endpoint in gRFC A61. Server names and attributes do not count.
    #[must_use]
    pub fn same_addresses(&self, other: &Self) -> bool {
        same_set(self.addresses(), other.addresses(), Address::location)
    }

    /// True when connections to the addresses may be used for those of `other`: both have as many
    /// addresses, in the same order, each with the [same connection](Address::same_connection).
    #[must_use]
    pub fn same_connections(&self, other: &Self) -> bool {
        let (addresses, others) = (self.addresses(), other.addresses());
        addresses.len() == others.len()
            && addresses
                .iter()
                .zip(others)
                .all(|(address, other)| address.same_connection(other))
    }
}

impl FromIterator<Address> for Addresses {
    fn from_iter<I: IntoIterator<Item = Address>>(addresses: I) -> Self {
        let addresses: Vec<Address> = addresses.into_iter().collect();
        addresses
            .try_into()
            .map(Self::One)
            .or_else(|addresses| addresses.try_into().map(Self::Two))
            .unwrap_or_else(|addresses| Self::Shared(addresses.into()))
    }
}

/// Written by hand, because the derived `Clone` iterates over an array, which makes inserting into
/// a map a fifth slower.
impl Clone for Addresses {
    fn clone(&self) -> Self {
        match self {
            Self::One([one]) => Self::One([one.clone()]),
            Self::Two([one, other]) => Self::Two([one.clone(), other.clone()]),
            Self::Shared(addresses) => Self::Shared(Arc::clone(addresses)),
        }
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::Shared(Arc::default())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("addresses", &self.addresses())
            .field("attributes", &self.attributes)
            .finish()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, address) in self.addresses().iter().enumerate() {
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
