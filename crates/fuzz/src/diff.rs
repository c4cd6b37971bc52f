//! The difference between two lists of endpoints.

use trunkline_endpoint::{Diff, Endpoint, diff};

use crate::input::Input;
use crate::map::endpoint;

/// `diff` returns what a comparison of every endpoint with every other one finds.
pub fn endpoint_diff(data: &[u8]) {
    let mut input = Input::new(data);
    let mut list = || {
        let count = input.below(12);
        let endpoints = (0..count).map(|_| endpoint(&mut input).0);
        endpoints.collect::<Vec<_>>()
    };
    let (old, new) = (list(), list());
    let (firsts_of_old, firsts_of_new) = (firsts(&old), firsts(&new));
    let mut expected = Diff::default();
    for endpoint in &firsts_of_new {
        match partner(endpoint, &firsts_of_old) {
            Some(before) if before == *endpoint => expected.kept.push(endpoint),
            Some(before) => expected.changed.push((before, endpoint)),
            None => expected.added.push(endpoint),
        }
    }
    for endpoint in firsts_of_old {
        if partner(endpoint, &firsts_of_new).is_none() {
            expected.removed.push(endpoint);
        }
    }
    assert_eq!(diff(&old, &new), expected);
}

/// Returns the endpoint in `list` that has the same addresses.
fn partner<'a>(endpoint: &Endpoint, list: &[&'a Endpoint]) -> Option<&'a Endpoint> {
    let mut list = list.iter().copied();
    list.find(|other| other.same_addresses(endpoint))
}

/// Returns the list without the endpoints that have the addresses of an earlier one.
fn firsts(list: &[Endpoint]) -> Vec<&Endpoint> {
    let mut firsts: Vec<&Endpoint> = Vec::new();
    for endpoint in list {
        if partner(endpoint, &firsts).is_none() {
            firsts.push(endpoint);
        }
    }
    firsts
}
