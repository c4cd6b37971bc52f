//! Compares parsing a target with general URI parsers.
//!
//! The peers get each target as a URI in the form that they accept best, `scheme:///..`. A target
//! that a peer rejects does not count for it. The peers do not check gRPC's rules; Trunkline's
//! parser checks the typed view too.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fluent_uri::Uri as FluentUri;
use http::Uri;
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_target::{Target, TargetRef};
use url::Url;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Typical targets, each with the same target as a URI.
const TARGETS: [(&str, &str); 6] = [
    ("localhost:50051", "dns:///localhost:50051"),
    (
        "dns:///orders.prod.svc.cluster.local:50051",
        "dns:///orders.prod.svc.cluster.local:50051",
    ),
    (
        "dns://10.0.0.53:53/orders.example.com:443",
        "dns://10.0.0.53:53/orders.example.com:443",
    ),
    ("[2001:db8::1]:50051", "dns:///%5B2001:db8::1%5D:50051"),
    ("unix:///var/run/orders.sock", "unix:///var/run/orders.sock"),
    (
        "ipv4:10.0.0.1:50051,10.0.0.2:50051,10.0.0.3:50051",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051,10.0.0.3:50051",
    ),
];

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse/six targets");
    let mut run = |name: &str, parse: &dyn Fn(usize) -> bool| {
        let all = || (0..TARGETS.len()).filter(|&n| parse(n)).count();
        println!(
            "{name}: {} of 6 accepted, {} allocations",
            all(),
            allocations(|| {
                black_box(all());
            })
        );
        group.bench_function(name, |bencher| bencher.iter(all));
    };
    let target = |n: usize| black_box(TARGETS[n].0);
    let uri = |n: usize| black_box(TARGETS[n].1);
    run("TargetRef", &|n| {
        black_box(TargetRef::parse(target(n))).is_ok()
    });
    run("Target", &|n| black_box(Target::parse(target(n))).is_ok());
    run("url::Url", &|n| black_box(Url::parse(uri(n))).is_ok());
    run("http::Uri", &|n| black_box(uri(n).parse::<Uri>()).is_ok());
    run("fluent_uri::Uri", &|n| {
        black_box(FluentUri::parse(uri(n))).is_ok()
    });
    group.finish();
}

/// Compares each target alone with `url`, the most widely used parser.
fn parse_each(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse/one target");
    for (target, uri) in TARGETS {
        group.bench_function(BenchmarkId::new("TargetRef", target), |bencher| {
            bencher.iter(|| black_box(TargetRef::parse(black_box(target))).is_ok());
        });
        group.bench_function(BenchmarkId::new("url::Url", target), |bencher| {
            bencher.iter(|| black_box(Url::parse(black_box(uri))).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, parse, parse_each);
criterion_main!(benches);
