//! The seeded random generator.

use trunkline_backoff::Rng;

/// All numbers depend on the seed alone.
#[test]
fn same_seed_same_numbers() {
    let draw = |seed| {
        let mut rng = Rng::from_seed(seed);
        let mut slice = [1, 2, 3, 4, 5, 6, 7, 8];
        rng.shuffle(&mut slice);
        (rng.next_seed(), rng.below(1000), rng.fraction(), slice)
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

/// `below` returns each number below its bound equally often, and 0 for the bound 0.
#[test]
fn below() {
    let mut rng = Rng::from_seed(1);
    assert_eq!(rng.below(0), 0);
    assert_eq!(rng.below(1), 0);
    let mut counts = [0; 5];
    for _ in 0..5000 {
        counts[rng.below(5)] += 1;
    }
    assert!(
        counts.iter().all(|count| (850..=1150).contains(count)),
        "{counts:?}"
    );
}

/// A fraction is at least 0 and less than 1.
#[test]
fn fraction() {
    let mut rng = Rng::from_seed(1);
    let drawn: Vec<f64> = (0..5000).map(|_| rng.fraction()).collect();
    assert!(drawn.iter().all(|fraction| (0.0..1.0).contains(fraction)));
    let mean = drawn.iter().sum::<f64>() / 5000.0;
    assert!((0.48..0.52).contains(&mean), "{mean}");
}

/// Shuffling changes the order and keeps the items.
#[test]
fn shuffle() {
    let mut rng = Rng::from_seed(1);
    let mut slice: Vec<u32> = (0..100).collect();
    rng.shuffle(&mut slice);
    assert!(!slice.is_sorted());
    slice.sort_unstable();
    assert_eq!(slice, (0..100).collect::<Vec<_>>());
}
