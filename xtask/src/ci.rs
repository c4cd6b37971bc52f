//! The steps of `ci`, one file each. They run in the order of [`STEPS`], quick ones first.

mod benches;
mod clippy;
mod codegen;
mod cores;
mod demo;
mod deny;
mod docs;
mod examples;
mod facade;
mod features;
mod field;
mod figures;
mod fmt;
mod from_tonic;
mod fuzz;
mod interop;
mod invariants;
mod miri;
mod msrv;
mod package;
mod protos;
mod readme;
mod test;
mod testbed;
mod workflows;

use crate::step::Step;

/// Its check needs the list of all steps.
const README: Step = Step {
    name: "readme",
    remedy: "write commands that a step runs, or `cargo run ..` (` # exits N` behind it), which this step runs itself; fence others as text",
    covers: &["cargo xtask ci", ".ci/run"],
    run: |context| readme::run(context, &STEPS),
};

/// All steps, in the order in which they run.
pub(crate) const STEPS: [&Step; 30] = [
    &fmt::STEP,
    &workflows::STEP,
    &from_tonic::STEP,
    &invariants::STEP,
    &clippy::STEP,
    &clippy::ALL_FEATURES,
    &codegen::STEP,
    &test::STEP,
    &examples::STEP,
    &facade::STEP,
    &benches::STEP,
    &figures::STEP,
    &docs::STEP,
    &cores::STEP,
    &features::STEP,
    &msrv::STEP,
    &package::STEP,
    &protos::STEP,
    &deny::STEP,
    &deny::ADVISORIES,
    &miri::STEP,
    &fuzz::STEP,
    &field::STEP,
    &interop::STEP,
    &testbed::STEP,
    &demo::STEP,
    &demo::SABOTAGE_REFRESH,
    &demo::SABOTAGE_FALLBACK,
    &demo::SABOTAGE_DRAIN,
    &README,
];
