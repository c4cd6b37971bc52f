//! Lists of endpoints.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use trunkline_endpoint::{Address, Attributes, Endpoint, PriorityGroup, Weight, Zone};
use trunkline_lb::HierarchyPath;

use crate::input::Input;

/// The most addresses of a list.
const MOST_ADDRESSES: u8 = 6;

/// A list of endpoints with up to six of eight addresses.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) endpoints: Vec<Endpoint>,
}

impl List {
    /// Reads a list, in which addresses and endpoints may be several times.
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let count = input.below(MOST_ADDRESSES + 1);
        let mut endpoints: Vec<Vec<Address>> = Vec::new();
        for _ in 0..count {
            let byte = input.byte();
            let address = address(byte % 8);
            match endpoints.last_mut() {
                // The endpoint before has one more address.
                Some(last) if byte & 0x80 != 0 => last.push(address),
                _ => endpoints.push(vec![address]),
            }
        }
        let endpoints = endpoints.into_iter();
        Self {
            endpoints: endpoints.map(endpoint).collect(),
        }
    }

    /// Returns a list of two endpoints.
    pub(super) fn pair() -> Self {
        let endpoints = [1, 5].map(|number| endpoint(vec![address(number)]));
        Self {
            endpoints: endpoints.into(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Returns the addresses, each once.
    pub(super) fn addresses(&self) -> BTreeSet<String> {
        let addresses = self.endpoints.iter().flat_map(Endpoint::addresses);
        addresses.map(ToString::to_string).collect()
    }

    /// Returns the number of addresses; one that is in several endpoints counts for each of them.
    pub(super) fn len(&self) -> usize {
        let endpoints = self.endpoints.iter();
        endpoints.map(|endpoint| endpoint.addresses().len()).sum()
    }

    /// Returns the addresses that are the only ones of their endpoint, and are in no other endpoint.
    pub(super) fn alone(&self) -> BTreeSet<String> {
        let joint = self.endpoints.iter().map(Endpoint::addresses);
        let joint = joint.filter(|addresses| addresses.iter().any(|one| *one != addresses[0]));
        let joint: BTreeSet<String> = joint.flatten().map(ToString::to_string).collect();
        self.addresses().difference(&joint).cloned().collect()
    }

    /// Returns true if every endpoint has one address.
    pub(super) fn is_flat(&self) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.all(|endpoint| endpoint.addresses().len() == 1)
    }
}

/// Returns one of eight addresses.
fn address(number: u8) -> Address {
    let last = number + 1;
    let address = match number {
        0..4 => SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 443)),
        _ => {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
            SocketAddr::from((ip, 443))
        }
    };
    Address::from(address)
}

/// Returns an endpoint with the attributes that policies ask for. They depend on its first address.
fn endpoint(addresses: Vec<Address>) -> Endpoint {
    let first = addresses.first().map(ToString::to_string);
    let sum = first.iter().flat_map(|text| text.bytes()).map(u32::from);
    let number = sum.sum::<u32>();
    let name = |names: &[&'static str]| names[number as usize % names.len()];
    let attributes = Attributes::new()
        .with::<HierarchyPath>(HierarchyPath::new([name(&["a", "b"])]))
        .with::<PriorityGroup>(number % 3)
        .with::<Weight>(number % 4)
        .with::<Zone>(name(&["a", "b", "c"]).into());
    Endpoint::new(addresses).with_attributes(attributes)
}
