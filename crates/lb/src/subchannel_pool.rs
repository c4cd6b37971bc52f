//! The subchannels of a channel by address.

use std::fmt;

use trunkline_endpoint::{Address, AddressMap, BackendLabels, ShortList};

use crate::subchannel::SubchannelId;

/// The subchannels of a channel by address: a policy that connects to an address of another one shares
/// that one's subchannel.
///
/// The channel keeps it up to date. Two addresses are of one subchannel if a connection to the one may be
/// used for the other ([`Address::same_connection`]), and if they have the same labels of metrics
/// ([`BackendLabels`]): what is measured of a subchannel has its labels.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
///
/// use trunkline_endpoint::Address;
/// use trunkline_lb::{SubchannelId, SubchannelPool};
///
/// let address = Address::from(SocketAddr::from(([192, 0, 2, 1], 443)));
/// let id: SubchannelId = "#0.0".parse().expect("an id");
/// let mut pool = SubchannelPool::new();
/// pool.insert(id, &address);
/// assert_eq!(pool.find(&address), Some(id));
/// assert!(!pool.is_ready(&address));
/// pool.set_ready(id, &address, true);
/// assert!(pool.is_ready(&address));
/// ```
#[derive(Default)]
pub struct SubchannelPool {
    /// More than one for addresses that differ in their labels.
    by_address: AddressMap<ShortList<Pooled>>,
}

#[derive(Clone, Debug)]
struct Pooled {
    id: SubchannelId,
    labels: BackendLabels,
    is_ready: bool,
}

impl SubchannelPool {
    /// Creates an empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subchannel, which is not ready.
    pub fn insert(&mut self, id: SubchannelId, address: &Address) {
        let pooled = Pooled {
            id,
            labels: BackendLabels::of(address.attributes()),
            is_ready: false,
        };
        match self.by_address.get_mut(address) {
            Some(own) => own.push(pooled),
            None => {
                let own = ShortList::from_iter([pooled]);
                self.by_address.insert(address.clone(), own);
            }
        }
    }

    /// Removes a subchannel with its address. Does nothing if it is not there.
    pub fn remove(&mut self, id: SubchannelId, address: &Address) {
        let Some(own) = self.by_address.get_mut(address) else {
            return;
        };
        own.retain(|pooled| pooled.id != id);
        if own.is_empty() {
            self.by_address.remove(address);
        }
    }

    /// Sets whether a subchannel is ready. Does nothing if it is not there.
    pub fn set_ready(&mut self, id: SubchannelId, address: &Address, is_ready: bool) {
        let own = self.by_address.get_mut(address);
        let own = own.into_iter().flat_map(ShortList::as_mut_slice);
        for pooled in own.filter(|pooled| pooled.id == id) {
            pooled.is_ready = is_ready;
        }
    }

    /// Returns the subchannel that a new user of `address` shares, if there is one.
    #[must_use]
    pub fn find(&self, address: &Address) -> Option<SubchannelId> {
        Some(self.pooled(address)?.id)
    }

    /// Returns true if the subchannel that a new user of `address` shares is ready.
    #[must_use]
    pub fn is_ready(&self, address: &Address) -> bool {
        self.pooled(address).is_some_and(|pooled| pooled.is_ready)
    }

    fn pooled(&self, address: &Address) -> Option<&Pooled> {
        let own = self.by_address.get(address)?;
        let labels = BackendLabels::of(address.attributes());
        own.iter().find(|pooled| pooled.labels == labels)
    }
}

/// Prints the number of addresses.
impl fmt::Debug for SubchannelPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubchannelPool")
            .field("addresses", &self.by_address.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use trunkline_endpoint::{Attributes, Locality};

    use super::*;
    use crate::subchannel_ids::SubchannelIds;

    fn address(port: u16) -> Address {
        SocketAddr::from(([192, 0, 2, 1], port)).into()
    }

    fn address_in(locality: &str) -> Address {
        address(1).with_attributes(Attributes::new().with::<Locality>(locality.into()))
    }

    /// A subchannel is found by what identifies its connection, and by its labels.
    #[test]
    fn finds_by_connection_and_labels() {
        let mut ids = SubchannelIds::new();
        let mut pool = SubchannelPool::new();
        let (one, plain) = (ids.issue(), ids.issue());
        pool.insert(one, &address_in("one"));
        pool.insert(plain, &address(1));
        assert_eq!(pool.find(&address_in("one")), Some(one));
        assert_eq!(pool.find(&address(1)), Some(plain));
        assert_eq!(pool.find(&address_in("two")), None);
        assert_eq!(pool.find(&address(2)), None);
        let named = address(1).with_server_name("a.example");
        assert_eq!(pool.find(&named), None);
        pool.set_ready(one, &address_in("one"), true);
        assert!(pool.is_ready(&address_in("one")));
        assert!(!pool.is_ready(&address(1)));
        pool.remove(one, &address_in("one"));
        assert_eq!(
            (pool.find(&address_in("one")), pool.find(&address(1))),
            (None, Some(plain))
        );
        pool.remove(plain, &address(1));
        assert_eq!(pool.by_address.len(), 0);
    }
}
