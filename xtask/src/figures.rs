//! How the program that computes the pictures and pages of `docs/` is run.

/// The command line. The profile is that of the benchmarks, so that the build of the dependencies is
/// shared.
pub(crate) const LINE: &str =
    "cargo run --quiet --locked --profile bench -p trunkline-benches --bin figures --";
