//! Compares `EndpointMap` and `diff` with a `HashMap` whose key is the sorted addresses.
//!
//! Each endpoint has an IPv4 and an IPv6 address. The time of the `HashMap` includes building the
//! key from the endpoint, as a policy would have to. Only a few maps exist at a time: with
//! thousands, the kernel's memory management would dominate the time.

use std::collections::HashMap;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_endpoint::{Endpoint, EndpointMap, diff};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SIZES: [usize; 3] = [10, 1_000, 100_000];

fn endpoint(n: usize) -> Endpoint {
    let n = n as u32;
    let v4 = SocketAddr::from((Ipv4Addr::from(0x0A00_0000 + n), 50051));
    let groups = [0x2001, 0xDB8, 0, 0, 0, 0, (n >> 16) as u16, n as u16];
    Endpoint::new([v4, SocketAddr::from((groups, 50051))])
}

fn key(endpoint: &Endpoint) -> Vec<SocketAddr> {
    // Reserves the exact capacity, which `filter_map` does not know.
    let mut key = Vec::with_capacity(endpoint.addresses().len());
    key.extend(endpoint.addresses().iter().filter_map(|a| a.socket_addr()));
    key.sort_unstable();
    key
}

type Peer = HashMap<Vec<SocketAddr>, usize>;

fn peer_map(endpoints: &[Endpoint]) -> Peer {
    let mut map = Peer::new();
    for (n, endpoint) in endpoints.iter().enumerate() {
        map.insert(key(endpoint), n);
    }
    map
}

fn our_map(endpoints: &[Endpoint]) -> EndpointMap<usize> {
    let mut map = EndpointMap::new();
    for (n, endpoint) in endpoints.iter().enumerate() {
        map.insert(endpoint.clone(), n);
    }
    map
}

fn maps(c: &mut Criterion) {
    for size in SIZES {
        let endpoints: Vec<Endpoint> = (0..size).map(endpoint).collect();
        let asked: Vec<Endpoint> = (0..size).map(|n| endpoint(n * 7919 % size)).collect();
        let (ours, peer) = (our_map(&endpoints), peer_map(&endpoints));
        println!(
            "{size}: {} allocations a lookup here, {} there",
            allocations(|| {
                black_box(ours.get(&endpoints[0]));
            }),
            allocations(|| {
                black_box(peer.get(&key(&endpoints[0])));
            }),
        );

        let mut group = c.benchmark_group("endpoint map/insert");
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("EndpointMap", size), |bencher| {
            bencher.iter_batched(|| (), |()| our_map(&endpoints), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("HashMap", size), |bencher| {
            bencher.iter_batched(|| (), |()| peer_map(&endpoints), BatchSize::LargeInput);
        });
        group.finish();

        let mut group = c.benchmark_group("endpoint map/lookup");
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("EndpointMap", size), |bencher| {
            let found = || {
                asked
                    .iter()
                    .filter_map(|asked| ours.get(asked))
                    .sum::<usize>()
            };
            bencher.iter(|| black_box(found()));
        });
        group.bench_function(BenchmarkId::new("HashMap", size), |bencher| {
            let found = || {
                asked
                    .iter()
                    .filter_map(|asked| peer.get(&key(asked)))
                    .sum::<usize>()
            };
            bencher.iter(|| black_box(found()));
        });
        group.finish();

        let mut group = c.benchmark_group("endpoint map/remove");
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("EndpointMap", size), |bencher| {
            let remove = |mut map: EndpointMap<usize>| {
                for endpoint in &asked {
                    black_box(map.remove(endpoint));
                }
                map
            };
            bencher.iter_batched(|| ours.clone(), remove, BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("HashMap", size), |bencher| {
            let remove = |mut map: Peer| {
                for endpoint in &asked {
                    black_box(map.remove(&key(endpoint)));
                }
                map
            };
            bencher.iter_batched(|| peer.clone(), remove, BatchSize::LargeInput);
        });
        group.finish();
    }
}

/// Compares lists in which one endpoint in ten is new, and one in ten is gone.
fn diffs(c: &mut Criterion) {
    for size in SIZES {
        let old: Vec<Endpoint> = (0..size).map(endpoint).collect();
        let new: Vec<Endpoint> = (size / 10..size + size / 10).map(endpoint).collect();
        let mut group = c.benchmark_group("endpoint map/diff");
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("diff", size), |bencher| {
            bencher.iter_with_large_drop(|| diff(black_box(&old), black_box(&new)));
        });
        group.bench_function(BenchmarkId::new("HashMap", size), |bencher| {
            bencher.iter_with_large_drop(|| peer_diff(black_box(&old), black_box(&new)));
        });
        group.finish();
    }
}

/// Computes the added, removed and kept endpoints with a `HashMap`, the usual way.
fn peer_diff(old: &[Endpoint], new: &[Endpoint]) -> [Vec<usize>; 3] {
    let mut map = peer_map(old);
    let (mut added, mut kept) = (Vec::new(), Vec::new());
    for (n, endpoint) in new.iter().enumerate() {
        match map.remove(&key(endpoint)) {
            Some(_) => kept.push(n),
            None => added.push(n),
        }
    }
    let removed = map.into_values().collect();
    [added, removed, kept]
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = maps, diffs
}
criterion_main!(benches);
