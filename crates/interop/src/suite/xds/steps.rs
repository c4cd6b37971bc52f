//! The steps that both clients take, one after the other.

use std::net::SocketAddr;

use serde_json::json;

use super::clients::{Calls, Method};
use super::plane::Plane;
use super::resources::{
    LISTENER, Locality, aggregate, cluster, dns_cluster, endpoints, listener, listener_with_aborts,
    reporting_cluster, route, routes,
};
use crate::wrong::Wrong;

/// A change of the control plane, and what calls do after it.
pub(super) struct Step {
    /// What changes, for people.
    pub(super) name: &'static str,
    pub(super) change: fn(&mut Plane, &[SocketAddr; 3]) -> Result<(), Wrong>,
    pub(super) calls: Calls,
    /// The share of each backend of the calls that succeed, in per cent; all 0 where every call fails with
    /// UNAVAILABLE.
    pub(super) shares: [u32; 3],
    /// The share of the calls that fail with UNAVAILABLE, in per cent.
    pub(super) unavailable: u32,
    /// The cluster whose calls each client reports to the control plane. No other step has it, and the
    /// step before shares calls among other backends, so a cluster's calls are those that its backends answer.
    pub(super) reported: Option<&'static str>,
    /// The types of which each client rejects a response, by the last part.
    pub(super) rejected: &'static [&'static str],
    /// Where clients of ours differ from the others, and how: the row of the comparison.
    pub(super) difference: Option<Difference>,
}

/// What Trunkline does where the clients of other projects do something else.
pub(super) struct Difference {
    pub(super) why: &'static str,
    pub(super) shares: [u32; 3],
    pub(super) unavailable: u32,
}

const EMPTY: Calls = Calls {
    count: 600,
    method: Method::Empty,
    header: None,
};

const UNARY: Calls = Calls {
    method: Method::Unary,
    ..EMPTY
};

/// A step without failures, in which both clients do the same.
const fn step(
    name: &'static str,
    change: fn(&mut Plane, &[SocketAddr; 3]) -> Result<(), Wrong>,
    shares: [u32; 3],
) -> Step {
    Step {
        name,
        change,
        calls: EMPTY,
        shares,
        unavailable: 0,
        reported: None,
        rejected: &[],
        difference: None,
    }
}

pub(super) const STEPS: [Step; 17] = [
    step("three endpoints in one locality", three, [33, 33, 33]),
    step("localities with the weights 3 and 1", weights, [75, 25, 0]),
    step(
        "the endpoints of priority 0 are gone",
        failover,
        [0, 0, 100],
    ),
    step("priority 0 is back", weights, [75, 25, 0]),
    step("clusters with the weights 4 and 1", split, [80, 20, 0]),
    Step {
        calls: UNARY,
        ..step("a route for one method", by_method, [0, 100, 0])
    },
    step("the other methods", nothing, [100, 0, 0]),
    Step {
        calls: Calls {
            header: Some(("x-canary", "yes")),
            ..EMPTY
        },
        ..step("a route for one header", by_header, [0, 0, 100])
    },
    Step {
        rejected: &["ClusterLoadAssignment"],
        ..step("an update that is invalid", invalid, [100, 0, 0])
    },
    step("the streams are ended", ended, [100, 0, 0]),
    Step {
        unavailable: 40,
        ..step("40 % of the calls are dropped", dropped, [100, 0, 0])
    },
    Step {
        unavailable: 100,
        ..step(
            "a route to a cluster that there is not",
            no_cluster,
            [0, 0, 0],
        )
    },
    step(
        "the first cluster of an aggregate has no endpoint that can be connected",
        aggregated,
        [0, 0, 100],
    ),
    step("an endpoint from the DNS", named, [0, 100, 0]),
    Step {
        reported: Some("e"),
        ..step("the load of a cluster is reported", reported, [0, 0, 100])
    },
    Step {
        unavailable: 30,
        ..step("a fault in 30 % of the calls", fault, [100, 0, 0])
    },
    Step {
        unavailable: 100,
        difference: Some(Difference {
            why: "gRFC A88: a listener that is deleted stays in use",
            shares: [100, 0, 0],
            unavailable: 0,
        }),
        ..step("the listener is deleted", deleted, [0, 0, 0])
    },
];

fn three(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[
        listener("orders", "routes"),
        routes("routes", &json!([route("a")])),
        cluster("a"),
        endpoints("a", &[locality("z1", 1, 0, backends)]),
    ])
}

fn weights(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    let localities = [
        locality("z1", 3, 0, &backends[..1]),
        locality("z2", 1, 0, &backends[1..2]),
        locality("z3", 1, 1, &backends[2..]),
    ];
    plane.set(&[endpoints("a", &localities)])
}

fn failover(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    // Nothing listens at port 1.
    let nowhere = [SocketAddr::from(([127, 0, 0, 1], 1))];
    let localities = [
        locality("z1", 3, 0, &nowhere),
        locality("z3", 1, 1, &backends[2..]),
    ];
    plane.set(&[endpoints("a", &localities)])
}

fn split(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    let weighted = json!({
        "match": {"prefix": ""},
        "route": {"weighted_clusters": {"clusters": [
            {"name": "b", "weight": 4},
            {"name": "c", "weight": 1},
        ]}},
    });
    plane.set(&[
        cluster("b"),
        cluster("c"),
        endpoints("b", &[locality("z1", 1, 0, &backends[..1])]),
        endpoints("c", &[locality("z1", 1, 0, &backends[1..2])]),
        routes("routes", &json!([weighted])),
    ])
}

fn by_method(plane: &mut Plane, _: &[SocketAddr; 3]) -> Result<(), Wrong> {
    let unary = json!({
        "match": {"path": "/grpc.testing.TestService/UnaryCall"},
        "route": {"cluster": "c"},
    });
    plane.set(&[routes("routes", &json!([unary, route("b")]))])
}

fn by_header(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    let canary = json!({
        "match": {
            "prefix": "",
            "headers": [{"name": "x-canary", "string_match": {"exact": "YES", "ignore_case": true}}],
        },
        "route": {"cluster": "c"},
    });
    plane.set(&[
        endpoints("c", &[locality("z1", 1, 0, &backends[2..])]),
        routes("routes", &json!([canary, route("b")])),
    ])
}

fn nothing(_: &mut Plane, _: &[SocketAddr; 3]) -> Result<(), Wrong> {
    Ok(())
}

fn invalid(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    // There is no priority 0.
    plane.set(&[endpoints("b", &[locality("z1", 1, 1, &backends[1..2])])])
}

fn ended(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[endpoints("b", &[locality("z1", 1, 0, &backends[..1])])])?;
    plane.kill_streams()
}

fn dropped(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    let mut assignment = endpoints("b", &[locality("z1", 1, 0, &backends[..1])]);
    assignment["policy"] = json!({"drop_overloads": [
        {"category": "test", "drop_percentage": {"numerator": 40}},
    ]});
    plane.set(&[assignment])
}

fn no_cluster(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[
        endpoints("b", &[locality("z1", 1, 0, &backends[..1])]),
        routes("routes", &json!([route("nowhere")])),
    ])
}

fn aggregated(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    // Nothing listens at port 1.
    let nowhere = [SocketAddr::from(([127, 0, 0, 1], 1))];
    plane.set(&[
        cluster("d"),
        endpoints("d", &[locality("z1", 1, 0, &nowhere)]),
        endpoints("c", &[locality("z1", 1, 0, &backends[2..])]),
        aggregate("both", &["d", "c"]),
        routes("routes", &json!([route("both")])),
    ])
}

fn named(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[
        dns_cluster("named", "127.0.0.1", backends[1].port()),
        routes("routes", &json!([route("named")])),
    ])
}

fn reported(plane: &mut Plane, backends: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[
        reporting_cluster("e"),
        endpoints("e", &[locality("z1", 1, 0, &backends[2..])]),
        routes("routes", &json!([route("e")])),
    ])
}

fn fault(plane: &mut Plane, _: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[
        routes("routes", &json!([route("b")])),
        listener_with_aborts("orders", "routes", 14, 30),
    ])
}

fn deleted(plane: &mut Plane, _: &[SocketAddr; 3]) -> Result<(), Wrong> {
    plane.set(&[listener("orders", "routes")])?;
    plane.delete(LISTENER, "orders")
}

fn locality<'a>(
    zone: &'static str,
    weight: u32,
    priority: u32,
    endpoints: &'a [SocketAddr],
) -> Locality<'a> {
    Locality {
        zone,
        weight,
        priority,
        endpoints,
    }
}
