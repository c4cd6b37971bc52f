//! Calls all the way: from a target's text to a backend in a process of its own, on each runtime.

#[macro_use]
mod runtimes;

mod balancing;
mod calls;
mod dual_stack;
mod errors;
mod steady;
mod targets;
mod world;

/// Not a test of its own: the backends of the others are this binary, run with just this test.
#[test]
fn backend_process() {
    trunkline_testkit::backend::serve_if_asked();
}
