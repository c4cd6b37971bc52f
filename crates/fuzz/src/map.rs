//! The maps behave as a `HashMap` whose keys have a normal form.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::SocketAddr;

use trunkline_endpoint::{
    Address, AttributeKey, Attributes, Endpoint, EndpointMap, Entry, Identity, IdentityMap,
};

use crate::input::Input;

struct Zone;

impl AttributeKey for Zone {
    type Value = u8;
    const NAME: &'static str = "zone";
    const IDENTIFIES_CONNECTION: bool = true;
}

struct Weight;

impl AttributeKey for Weight {
    type Value = u8;
    const NAME: &'static str = "weight";
    const IDENTIFIES_CONNECTION: bool = false;
}

fn address(number: u8) -> Address {
    if number.is_multiple_of(2) {
        SocketAddr::from(([192, 0, 2, number], 443)).into()
    } else {
        SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from(number)], 443)).into()
    }
}

/// Returns an endpoint of up to 11 addresses out of 16, with the sorted numbers of its addresses.
/// The map compares short lists pair by pair and long ones in order; both occur.
pub(crate) fn endpoint(input: &mut Input<'_>) -> (Endpoint, Vec<u8>) {
    let count = input.below(12);
    let mut numbers: Vec<u8> = (0..count).map(|_| input.below(16)).collect();
    let weight = input.below(3);
    let endpoint = Endpoint::new(numbers.iter().map(|&number| address(number)))
        .with_attributes(Attributes::new().with::<Weight>(weight));
    numbers.sort_unstable();
    numbers.dedup();
    (endpoint, numbers)
}

/// Returns an address, and the parts of it on which a connection depends.
fn address_with_identity(input: &mut Input<'_>) -> (Address, (u8, u8, u8)) {
    let [number, name, zone, weight] = [8, 3, 3, 3].map(|bound| input.below(bound));
    let mut address = address(number);
    if name > 0 {
        address = address.with_server_name(["a", "b"][usize::from(name) - 1]);
    }
    let mut attributes = Attributes::new().with::<Weight>(weight);
    if zone > 0 {
        attributes = attributes.with::<Zone>(zone);
    }
    (address.with_attributes(attributes), (number, name, zone))
}

/// Cuts the input to some hundred actions: more of them find nothing new and cost time.
fn short(data: &[u8]) -> &[u8] {
    &data[..data.len().min(1024)]
}

/// An [`EndpointMap`] behaves as a `HashMap` of sorted sets of addresses that keeps the order of
/// insertion.
pub fn endpoint_map(data: &[u8]) {
    let mut input = Input::new(short(data));
    let map: EndpointMap<u8> = EndpointMap::new();
    behaves_as_a_map(map, &mut input, endpoint);
}

/// An [`AddressMap`](trunkline_endpoint::AddressMap) behaves as a `HashMap` of socket addresses,
/// server names and identifying attributes that keeps the order of insertion.
pub fn address_map(data: &[u8]) {
    behaves_as_a_map(
        IdentityMap::new(),
        &mut Input::new(short(data)),
        address_with_identity,
    );
}

fn behaves_as_a_map<K: Identity + Clone + PartialEq + Debug, M: Hash + Eq + Clone + Debug>(
    mut map: IdentityMap<K, u8>,
    input: &mut Input<'_>,
    key: impl Fn(&mut Input<'_>) -> (K, M),
) {
    let mut model: HashMap<M, u8> = HashMap::new();
    let mut order: Vec<M> = Vec::new();
    while !input.is_empty() {
        let action = input.below(16);
        let (key, model_key) = key(input);
        let last = model_key.clone();
        let value = input.below(255);
        match action {
            0..=5 => {
                let stored = key.clone();
                assert_eq!(map.insert(key, value), model.insert(model_key, value));
                let found = map.get_key_value(&stored);
                assert_eq!(found, Some((&stored, &value)));
            }
            6..=8 => assert_eq!(map.remove(&key), model.remove(&model_key)),
            9..=11 => {
                assert_eq!(map.get(&key), model.get(&model_key));
                assert_eq!(map.contains_key(&key), model.contains_key(&model_key));
                assert_eq!(map.get_mut(&key), model.get_mut(&model_key));
            }
            12 => {
                let here = *map
                    .entry(key)
                    .and_modify(|value| *value ^= 1)
                    .or_insert(value);
                let there = model.entry(model_key).and_modify(|value| *value ^= 1);
                assert_eq!(here, *there.or_insert(value));
            }
            13 => {
                if let Entry::Occupied(entry) = map.entry(key) {
                    assert_eq!(Some(entry.remove()), model.remove(&model_key));
                } else {
                    assert!(!model.contains_key(&model_key));
                }
            }
            14 => {
                map.retain(|_, there| *there % 2 == value % 2);
                model.retain(|_, there| *there % 2 == value % 2);
            }
            _ if value == 0 => {
                map.clear();
                model.clear();
            }
            _ => {
                let copy: IdentityMap<K, u8> = map.clone().into_iter().rev().collect();
                assert_eq!(copy, map);
            }
        }
        assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        order.retain(|key| model.contains_key(key));
        if model.contains_key(&last) && !order.contains(&last) {
            order.push(last);
        }
        assert!(map.values().eq(order.iter().map(|key| &model[key])));
    }
}
