//! Lists of endpoints: which are usable, and the difference between two lists.

use std::net::SocketAddr;

use trunkline_endpoint::{
    Attributes, Diff, Endpoint, EndpointsError, Weight, diff, validate_endpoints,
};

fn endpoint(ports: &[u16]) -> Endpoint {
    Endpoint::new(
        ports
            .iter()
            .map(|&port| SocketAddr::from(([192, 0, 2, 1], port))),
    )
}

/// A list is usable with at least one address. Duplicates, and endpoints without addresses beside
/// others, are allowed.
#[test]
fn usable_lists() {
    let check = |list: &[&[u16]], expected| {
        let list: Vec<Endpoint> = list.iter().map(|ports| endpoint(ports)).collect();
        assert_eq!(validate_endpoints(&list), expected, "{list:?}");
    };
    check(&[&[1], &[1]], Ok(()));
    check(&[&[1, 1]], Ok(()));
    check(&[&[1, 2], &[1]], Ok(()));
    check(&[&[1], &[2]], Ok(()));
    check(&[&[], &[2]], Ok(()));
    check(&[], Err(EndpointsError::NoEndpoints));
    check(
        &[&[], &[]],
        Err(EndpointsError::NoAddresses { endpoints: 2 }),
    );
    assert_eq!(
        EndpointsError::NoAddresses { endpoints: 2 }.to_string(),
        "the resolver gave 2 endpoints, none of which has an address"
    );
}

/// Each endpoint is in one field: `added`, `removed`, `kept`, or `changed`, for another order of
/// its addresses or another attribute.
#[test]
fn differences() {
    let heavy = endpoint(&[4]).with_attributes(Attributes::new().with::<Weight>(9));
    let old = [
        endpoint(&[1]),
        endpoint(&[2, 3]),
        endpoint(&[4]),
        endpoint(&[5]),
    ];
    let new = [
        endpoint(&[6]),
        heavy.clone(),
        endpoint(&[3, 2]),
        endpoint(&[1]),
    ];
    let found = diff(&old, &new);
    let expected = Diff {
        added: vec![&new[0]],
        removed: vec![&old[3]],
        kept: vec![&new[3]],
        changed: vec![(&old[2], &heavy), (&old[1], &new[2])],
    };
    assert_eq!(found, expected);
    assert!(!found.is_empty());
    assert!(diff(&old, &old).is_empty());
    assert_eq!(diff(&[], &new).added.len(), 4);
    assert_eq!(diff(&old, &[]).removed.len(), 4);
}

/// Of several endpoints with the same addresses in one list, the first counts.
#[test]
fn duplicates() {
    let old = [endpoint(&[1, 2]), endpoint(&[2, 1])];
    let new = [
        endpoint(&[2, 1]),
        endpoint(&[1, 2]),
        endpoint(&[3]),
        endpoint(&[3]),
    ];
    let expected = Diff {
        added: vec![&new[2]],
        removed: vec![],
        kept: vec![],
        changed: vec![(&old[0], &new[0])],
    };
    assert_eq!(diff(&old, &new), expected);
}
