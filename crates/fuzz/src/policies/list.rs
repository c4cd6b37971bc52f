//! Lists of endpoints.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use trunkline_endpoint::{Address, Attributes, Endpoint, Location, PriorityGroup, Weight, Zone};
use trunkline_lb::HierarchyPath;

use crate::input::Input;

/// The number of an address in the table of all.
pub(super) type Number = u8;

/// All addresses that lists have.
static ADDRESSES: LazyLock<[Address; 8]> = LazyLock::new(|| std::array::from_fn(make_address));

/// The attributes of an endpoint, by its first address.
static ATTRIBUTES: LazyLock<[Attributes; 8]> =
    LazyLock::new(|| std::array::from_fn(make_attributes));

/// Returns the number of an address of a subchannel, which may have other attributes.
pub(super) fn number(address: &Address) -> Number {
    let last = match address.location() {
        Location::Socket(SocketAddr::V4(v4)) => v4.ip().octets()[3],
        Location::Socket(SocketAddr::V6(v6)) => v6.ip().octets()[15],
        other => panic!("an address that is in no list: {other}"),
    };
    last - 1
}

/// The most addresses of a list.
const MOST_ADDRESSES: u8 = 6;

/// A list of endpoints with up to six of eight addresses.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// The addresses of each endpoint.
    numbers: Vec<Vec<Number>>,
}

impl List {
    /// Reads a list, in which addresses and endpoints may be several times.
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let count = input.below(MOST_ADDRESSES + 1);
        let mut numbers: Vec<Vec<Number>> = Vec::new();
        for _ in 0..count {
            let byte = input.byte();
            match numbers.last_mut() {
                // The endpoint before has one more address.
                Some(last) if byte & 0x80 != 0 => last.push(byte % 8),
                _ => numbers.push(vec![byte % 8]),
            }
        }
        Self { numbers }
    }

    /// Returns a list of two endpoints.
    pub(super) fn pair() -> Self {
        Self {
            numbers: vec![vec![1], vec![5]],
        }
    }

    /// Returns the endpoints, with the attributes that policies ask for. They depend on the first
    /// address.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint = |numbers: &Vec<Number>| {
            let addresses = numbers
                .iter()
                .map(|number| ADDRESSES[usize::from(*number)].clone());
            Endpoint::new(addresses).with_attributes(ATTRIBUTES[usize::from(numbers[0])].clone())
        };
        self.numbers.iter().map(endpoint).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns the addresses, each once.
    pub(super) fn addresses(&self) -> BTreeSet<Number> {
        self.numbers.iter().flatten().copied().collect()
    }

    /// Returns the addresses of each endpoint, each once.
    pub(super) fn sets(&self) -> BTreeSet<BTreeSet<Number>> {
        let sets = self.numbers.iter();
        sets.map(|numbers| numbers.iter().copied().collect())
            .collect()
    }

    /// Returns the number of addresses; one that is in several endpoints counts for each of them.
    pub(super) fn len(&self) -> usize {
        self.numbers.iter().map(Vec::len).sum()
    }

    /// Returns the addresses that are the only ones of an endpoint.
    pub(super) fn single(&self) -> BTreeSet<Number> {
        let numbers = self.numbers.iter();
        let single = numbers.filter(|numbers| numbers.iter().all(|one| *one == numbers[0]));
        single.map(|numbers| numbers[0]).collect()
    }

    /// Returns the addresses that are the only ones of their endpoint, and are in no other endpoint.
    pub(super) fn alone(&self) -> BTreeSet<Number> {
        let joint = self.numbers.iter();
        let joint = joint.filter(|numbers| numbers.iter().any(|one| *one != numbers[0]));
        let joint: BTreeSet<Number> = joint.flatten().copied().collect();
        self.addresses().difference(&joint).copied().collect()
    }

    /// Returns true if every endpoint has one address.
    pub(super) fn is_flat(&self) -> bool {
        self.numbers.iter().all(|numbers| numbers.len() == 1)
    }
}

fn make_address(at: usize) -> Address {
    let last = at as u8 + 1;
    let address = match at {
        0..4 => SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 443)),
        _ => {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
            SocketAddr::from((ip, 443))
        }
    };
    Address::from(address)
}

fn make_attributes(at: usize) -> Attributes {
    let name = |names: &[&'static str]| names[at % names.len()];
    Attributes::new()
        .with::<HierarchyPath>(HierarchyPath::new([name(&["a", "b"])]))
        .with::<PriorityGroup>(at as u32 % 3)
        .with::<Weight>(at as u32 % 4)
        .with::<Zone>(name(&["a", "b", "c"]).into())
}
