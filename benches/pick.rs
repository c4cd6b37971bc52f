//! Cost of a pick. Ids: `pick/POLICY/ENDPOINTS` is the time per pick, and
//! `pick/POLICY/ENDPOINTS/2 threads` the time while another thread picks from the same picker.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use trunkline_benches::allocations::{CountingAllocator, allocations};
use trunkline_benches::policies::{pick_first, round_robin};
use trunkline_lb::{PickRequest, Picker};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn measure(criterion: &mut Criterion, id: &str, picker: &dyn Picker) {
    let metadata = HeaderMap::new();
    let request = PickRequest::new("/shop.Orders/Get", &metadata);
    criterion.bench_function(id, |bencher| {
        bencher.iter(|| picker.pick(black_box(&request)))
    });
    let count = allocations(|| {
        for _ in 0..1000 {
            black_box(picker.pick(&request));
        }
    });
    println!("{id}: {count} allocations in 1000 picks");
}

/// Measures the same while another thread picks without pause.
fn measure_contended(criterion: &mut Criterion, id: &str, picker: &Arc<dyn Picker>) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let metadata = HeaderMap::new();
            let request = PickRequest::new("/shop.Orders/Get", &metadata);
            while !stop.load(Ordering::Relaxed) {
                black_box(picker.pick(&request));
            }
        });
        measure(criterion, &format!("{id}/2 threads"), &**picker);
        stop.store(true, Ordering::Relaxed);
    });
}

fn picks(criterion: &mut Criterion) {
    measure(criterion, "pick/pick_first/1", &*pick_first());
    for endpoints in [1, 10, 1000] {
        let picker = round_robin(endpoints);
        let id = format!("pick/round_robin/{endpoints}");
        measure(criterion, &id, &*picker);
        if endpoints == 10 {
            measure_contended(criterion, &id, &picker);
        }
    }
}

criterion_group!(benches, picks);
criterion_main!(benches);
