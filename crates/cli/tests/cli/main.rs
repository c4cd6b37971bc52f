//! The command as scripts and people use it.

mod call;
mod command;
mod connect;
mod hostile;
mod resolve;
mod target;
mod watch;

/// Not a test of its own: the backends of the others are this binary, run with just this test.
#[test]
fn backend_process() {
    trunkline_testkit::backend::serve_if_asked();
}
