//! Cost of a connection race in the core alone, without I/O. The time is per race, or per address
//! if the id ends with "per address" and a number of addresses.

use std::hint::black_box;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trunkline_connect::{Family, KeepOrder, Race, RaceOptions, RaceOutput};
use trunkline_endpoint::interleave;

/// Returns addresses as a resolver returns them: half IPv6, half IPv4, one family after the other.
fn list(count: u16) -> Vec<SocketAddr> {
    let v6 = (0..count / 2).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into());
    let v4 = (count / 2..count).map(|n| Ipv4Addr::from_bits(0xc000_0200 + u32::from(n)).into());
    v6.chain(v4).map(|ip| SocketAddr::new(ip, 443)).collect()
}

/// Runs a race in which the last address accepts and all others refuse at once.
fn run(list: &[SocketAddr], options: &RaceOptions, now: Instant) -> Race {
    let mut race = Race::over(list.iter().copied(), &KeepOrder, options.clone(), now);
    while let Some(output) = race.poll_output(now) {
        if let RaceOutput::Start { id, .. } = output {
            if id.index() + 1 == list.len() {
                race.handle_connected(id, now);
            } else {
                race.handle_failure(id, io::ErrorKind::ConnectionRefused.into(), now);
            }
        }
    }
    race
}

/// Runs a race in which the first address accepts.
fn healthy(list: &[SocketAddr], options: &RaceOptions, now: Instant) -> Race {
    let mut race = Race::over(list.iter().copied(), &KeepOrder, options.clone(), now);
    while let Some(output) = race.poll_output(now) {
        if let RaceOutput::Start { id, .. } = output {
            black_box(race.poll_timeout());
            race.handle_connected(id, now);
        }
    }
    race
}

#[expect(
    clippy::disallowed_methods,
    reason = "a race begins at some instant; the clock is not read again"
)]
fn races(criterion: &mut Criterion) {
    let now = Instant::now();
    let options = RaceOptions::default();
    let two = list(2);
    criterion.bench_function("race/healthy, of two addresses", |bencher| {
        bencher.iter(|| healthy(black_box(&two), &options, now));
    });
    let mut group = criterion.benchmark_group("race/all but one refuse, per address");
    for count in [8, 32, 1_024] {
        let list = list(count);
        group.throughput(Throughput::Elements(count.into()));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| run(black_box(&list), &options, now));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("interleave, per address");
    for count in [2, 32, 1_024] {
        let list = list(count);
        group.throughput(Throughput::Elements(count.into()));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| interleave(list.iter().copied(), |&one| Family::from(one), 1));
        });
    }
    group.finish();
}

criterion_group!(benches, races);
criterion_main!(benches);
