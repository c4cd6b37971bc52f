//! `AddressMap` and `EndpointMap`, whose keys are compared by identity (gRFC A61).

use std::net::SocketAddr;
use std::path::Path;

use trunkline_endpoint::{
    Address, AddressMap, AttributeKey, Attributes, Endpoint, EndpointMap, Entry, Location, Weight,
};

struct Zone;

impl AttributeKey for Zone {
    type Value = String;
    const NAME: &'static str = "zone";
    const IDENTIFIES_CONNECTION: bool = true;
}

fn address(port: u16) -> Address {
    SocketAddr::from(([192, 0, 2, 1], port)).into()
}

fn zone(name: &str) -> Attributes {
    Attributes::new().with::<Zone>(name.to_owned())
}

fn endpoint(ports: &[u16]) -> Endpoint {
    Endpoint::new(ports.iter().map(|&port| address(port)))
}

/// Addresses that differ in location, server name or an identifying attribute are different keys.
/// An address that differs in another attribute is the same key.
#[test]
fn an_address_is_known_by_its_connection() {
    let addresses = [
        address(1),
        address(2),
        address(1).with_server_name("a"),
        address(1).with_server_name("b"),
        address(1).with_attributes(zone("a")),
        address(1).with_attributes(zone("b")),
        Address::new(Path::new("/tmp/s")),
        Address::new(Location::UnixAbstract(b"s".as_slice().into())),
        Address::new(Location::Name {
            host: "orders".into(),
            port: 1,
        }),
    ];
    let mut map: AddressMap<usize> = addresses.iter().cloned().zip(0..).collect();
    assert_eq!(map.len(), addresses.len());
    for (at, address) in addresses.iter().enumerate() {
        assert_eq!(map.get(address), Some(&at));
    }
    let alias = address(1).with_attributes(Attributes::new().with::<Weight>(5));
    assert_eq!(map.insert(alias.clone(), 70), Some(0));
    assert_eq!(
        (map.len(), map.get(&address(1))),
        (addresses.len(), Some(&70))
    );
    assert_eq!(map.remove(&address(1)), Some(70), "removed by its alias");
    assert_eq!(map.remove(&alias), None);
    assert_eq!(map.len(), addresses.len() - 1);
}

/// `[1, 2]`, `[2, 1]` and `[2, 1, 2]` are one key; `[1, 2, 3]` and `[]` are others.
#[test]
fn an_endpoint_is_known_by_its_set_of_addresses() {
    let mut map = EndpointMap::new();
    assert_eq!(map.insert(endpoint(&[1, 2]), "12"), None);
    assert_eq!(map.insert(endpoint(&[1, 2, 3]), "123"), None);
    assert_eq!(map.insert(endpoint(&[]), "empty"), None);
    assert_eq!(map.insert(endpoint(&[2, 1]), "21"), Some("12"));
    assert_eq!(map.insert(endpoint(&[2, 1, 2]), "212"), Some("21"));
    assert_eq!(map.len(), 3);
    assert_eq!(map.get(&endpoint(&[1, 2])), Some(&"212"));
    assert_eq!(map.get(&endpoint(&[])), Some(&"empty"));
    assert_eq!(map.get(&endpoint(&[3])), None);
    let (key, _) = map
        .get_key_value(&endpoint(&[1, 2]))
        .expect("the map has the key");
    assert_eq!(*key, endpoint(&[2, 1, 2]), "the latest order is kept");
    assert_eq!(map.remove(&endpoint(&[1, 2])), Some("212"));
    assert_eq!(map.remove(&endpoint(&[2, 1])), None);
    assert_eq!(map.len(), 2);
}

/// Endpoints that differ in server names and attributes only are the same key.
#[test]
fn attributes_make_no_other_endpoint() {
    let plain = endpoint(&[1]);
    let rich = Endpoint::new([address(1).with_server_name("a").with_attributes(zone("b"))]);
    let rich = rich.with_attributes(zone("c"));
    let map = EndpointMap::from([(plain, 1), (rich.clone(), 2)]);
    assert_eq!((map.len(), map.get(&rich)), (1, Some(&2)));
}

/// Iteration is in the order of insertion, after removals too.
#[test]
fn iteration_is_ordered() {
    let mut map: AddressMap<u16> = (1..=5).map(|port| (address(port), port)).collect();
    let values = |map: &AddressMap<u16>| map.values().copied().collect::<Vec<_>>();
    assert_eq!(values(&map), [1, 2, 3, 4, 5]);
    map.remove(&address(2));
    assert_eq!(values(&map), [1, 3, 4, 5]);
    map.retain(|_, value| *value != 5);
    assert_eq!(values(&map), [1, 3, 4]);
    for (_, value) in &mut map {
        *value += 10;
    }
    map.values_mut().for_each(|value| *value += 10);
    map.iter_mut().for_each(|(_, value)| *value += 10);
    assert_eq!(
        map.iter()
            .rev()
            .map(|(_, value)| *value)
            .collect::<Vec<_>>(),
        [34, 33, 31]
    );
    assert_eq!(
        map.keys().cloned().collect::<Vec<_>>(),
        [address(1), address(3), address(4)]
    );
    assert_eq!(map.iter().len(), 3);
    for port in [1, 3, 4] {
        assert_eq!(map.get(&address(port)), Some(&(port + 30)));
    }
    assert_eq!(map.into_iter().map(|(_, value)| value).sum::<u16>(), 98);
}

/// Entries work like those of the standard library's maps.
#[test]
fn entries() {
    let mut map = EndpointMap::new();
    *map.entry(endpoint(&[1, 2])).or_insert(0) += 1;
    *map.entry(endpoint(&[2, 1])).or_default() += 1;
    assert_eq!(map.get(&endpoint(&[1, 2])), Some(&2));
    let length = |key: &Endpoint| key.addresses().len();
    assert_eq!(*map.entry(endpoint(&[3])).or_insert_with_key(length), 1);
    let doubled = map.entry(endpoint(&[3])).and_modify(|value| *value *= 2);
    assert_eq!(doubled.key(), &endpoint(&[3]));
    assert_eq!(*doubled.or_insert_with(|| unreachable!()), 2);
    let Entry::Occupied(mut entry) = map.entry(endpoint(&[2, 1])) else {
        panic!("the map does not have the key");
    };
    assert_eq!((entry.key(), entry.get()), (&endpoint(&[1, 2]), &2));
    assert_eq!(entry.insert(7), 2);
    assert_eq!(entry.replace_key(), endpoint(&[1, 2]));
    let Entry::Occupied(entry) = map.entry(endpoint(&[1, 2])) else {
        panic!("the map does not have the key");
    };
    assert_eq!(entry.remove_entry(), (endpoint(&[2, 1]), 7));
    let Entry::Vacant(entry) = map.entry(endpoint(&[1, 2])) else {
        panic!("the key was not removed");
    };
    assert_eq!(entry.key(), &endpoint(&[1, 2]));
    assert_eq!(entry.into_key(), endpoint(&[1, 2]));
    assert_eq!(map.len(), 1);
}

/// With thousands of keys, half of them removed, every lookup is right.
#[test]
fn many_keys() {
    let key = |n: u32| {
        let ip = std::net::Ipv4Addr::from(0x0A00_0000 + n);
        Endpoint::new([SocketAddr::from((ip, 443)), SocketAddr::from((ip, 444))])
    };
    let mut map = EndpointMap::with_capacity(16);
    for n in 0..5000 {
        assert_eq!(map.insert(key(n), n), None);
    }
    for n in (0..5000).step_by(2) {
        assert_eq!(map.remove(&key(n)), Some(n));
    }
    assert_eq!(map.len(), 2500);
    for n in 0..5000 {
        assert_eq!(map.get(&key(n)).copied(), (n % 2 == 1).then_some(n));
        assert_eq!(map.contains_key(&key(n)), n % 2 == 1);
    }
    let copy: EndpointMap<u32> = map.iter().rev().map(|(key, n)| (key.clone(), *n)).collect();
    assert_eq!(copy, map);
    map.clear();
    assert!(map.is_empty() && map.get(&key(1)).is_none());
    assert_ne!(copy, map);
}

/// A map to which keys are added and from which keys are removed, over and over, does not grow,
/// keeps their order, and finds them all.
#[test]
fn keys_that_come_and_go() {
    let mut map = AddressMap::new();
    for round in 0..10_000_u16 {
        map.insert(address(round), round);
        if let Some(old) = round.checked_sub(8) {
            assert_eq!(map.remove(&address(old)), Some(old));
            assert_eq!(map.remove(&address(old)), None);
        }
        let kept: Vec<u16> = (round.saturating_sub(7)..=round).collect();
        assert_eq!(map.values().copied().collect::<Vec<_>>(), kept);
        assert_eq!((map.len(), map.iter().len()), (kept.len(), kept.len()));
        assert!(
            kept.iter()
                .all(|port| map.get(&address(*port)) == Some(port))
        );
    }
    assert!(map.capacity() <= 64, "{}", map.capacity());
    map.retain(|_, _| false);
    assert!(map.is_empty() && map.iter().next().is_none());
}

/// A map is empty after `clear`, even if a value panicked when it was dropped.
#[test]
fn clear_that_panics() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let mut map = AddressMap::from([(address(1), Some(Loud)), (address(2), None)]);
    let clear = std::panic::AssertUnwindSafe(|| map.clear());
    std::panic::catch_unwind(clear).expect_err("the value panics when it is dropped");
    assert_eq!((map.len(), map.iter().len(), map.keys().count()), (0, 0, 0));
    map.insert(address(1), None);
    assert_eq!((map.len(), map.keys().count()), (1, 1));
}

/// A map is consistent after the closure of `retain` has panicked.
#[test]
fn retain_that_panics() {
    let mut map: AddressMap<u16> = (1..=5).map(|port| (address(port), port)).collect();
    let keep = |_: &Address, port: &mut u16| {
        assert!(*port < 4);
        *port == 2
    };
    let retain = std::panic::AssertUnwindSafe(|| map.retain(keep));
    std::panic::catch_unwind(retain).expect_err("the closure panics");
    assert_eq!(map.values().copied().collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!((map.len(), map.iter().len()), (3, 3));
    for port in [2, 4, 5] {
        assert_eq!(map.remove(&address(port)), Some(port));
    }
    for port in 1..=5 {
        assert_eq!(map.get(&address(port)), None);
        assert_eq!(map.insert(address(port), port + 10), None);
    }
    for port in 1..=5 {
        assert_eq!(map.get(&address(port)), Some(&(port + 10)));
    }
    assert_eq!(map.len(), 5);
}
