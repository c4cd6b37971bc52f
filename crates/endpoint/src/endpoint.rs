//! Endpoints.

use crate::{Address, Attributes};

/// One backend: the addresses by which it can be reached, in the order to try them, and what is
/// known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    addresses: Vec<Address>,
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
}
