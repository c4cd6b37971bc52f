//! End-to-end tests: calls from a target's text to a backend in a process of its own, on each runtime.

#[macro_use]
mod runtimes;

mod balancing;
mod calls;
mod custom_policies;
mod dual_stack;
mod errors;
mod layers;
mod scaling;
mod steady;
mod targets;
mod threads;
mod tls;
mod tls_stubs;
mod world;

/// Serves as a backend when another test starts this binary as one; otherwise does nothing.
#[test]
fn backend_process() {
    trunkline_testkit::backend::serve_if_asked();
}
