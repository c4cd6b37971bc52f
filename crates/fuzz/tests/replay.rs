//! Every property holds for every input of its corpus, and for inputs made from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use trunkline_fuzz::PROPERTIES;

fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name");
            name.to_string_lossy().into_owned()
        })
        .collect()
}

/// Every property has a fuzz target and a folder of the corpus, and the reverse.
#[test]
fn each_property_has_a_target_and_a_corpus() {
    let properties: BTreeSet<String> = PROPERTIES.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(names("fuzz_targets"), properties);
    assert_eq!(names("corpus"), properties);
}

/// Every property holds for the files of its corpus. The path of each file is printed first, so
/// that the last one printed is the one that fails.
#[test]
fn the_corpus_holds() {
    for (name, property) in PROPERTIES {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut count = 0;
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            property(&fs::read(&path).expect("a file"));
            count += 1;
        }
        assert!(count > 0, "{name} has no input");
    }
}

/// A linear congruential generator (Knuth's MMIX constants): random enough to choose bytes.
fn random_bytes() -> impl FnMut() -> u8 {
    let mut state: u64 = 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    }
}

/// Every property holds for damaged inputs of the corpus: bytes changed, removed, duplicated, or
/// cut off.
#[test]
fn damaged_inputs_hold() {
    const SPECIAL: [u8; 10] = [0, 1, 0xff, 0xc0, 0x0c, 0x3f, 0x40, 0x80, b'\n', b'.'];
    const ROUNDS: usize = 3000;
    let mut byte = random_bytes();
    let mut below = |bound: usize| (usize::from(byte()) << 8 | usize::from(byte())) % bound;
    for (name, property) in PROPERTIES {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let entries = fs::read_dir(folder).expect("a folder");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        for path in paths.iter().cycle().take(ROUNDS) {
            let mut input = fs::read(path).expect("a file");
            for _ in 0..=below(6) {
                if input.is_empty() {
                    break;
                }
                let at = below(input.len());
                match below(6) {
                    0 => input[at] = below(256) as u8,
                    1 => input[at] = SPECIAL[below(SPECIAL.len())],
                    2 => input[at] ^= 1 << below(8),
                    3 => drop(input.remove(at)),
                    4 => input.insert(at, input[at]),
                    _ => input.truncate(at),
                }
            }
            property(&input);
        }
    }
}

/// Every property holds for random inputs, which are the same in every run.
#[test]
fn random_inputs_hold() {
    let mut byte = random_bytes();
    let alphabet = b"dns:///unix@[]%25:.,?# ipv6f0aA1\xC3\xBC\\";
    for _ in 0..2000 {
        let len = usize::from(byte()) / 4;
        let text: Vec<u8> = (0..len)
            .map(|_| alphabet[usize::from(byte()) % alphabet.len()])
            .collect();
        let any: Vec<u8> = (0..2 * len).map(|_| byte()).collect();
        for (_, property) in PROPERTIES {
            property(&text);
            property(&any);
        }
    }
}
