//! The child processes, from the view of the parent.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use trunkline_benches::child;

use crate::case::{CASES, Case};
use crate::variant::{Contestant, own_program};
use crate::{client, pin, server};

/// The role of a child that prints the codes of its cases and ends.
pub(crate) const LISTING_ROLE: &str = "cases";

/// Environment variable with the role of a child.
pub(crate) const ROLE: &str = "TRUNKLINE_BENCH_RPC";

/// A child that does not answer within this time hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A child process, which is killed on drop.
pub(crate) struct Child(child::Child);

/// Cost of a round, per call.
pub(crate) struct Cost {
    pub(crate) cpu_ns: f64,
    pub(crate) allocations: f64,
}

impl Child {
    pub(crate) fn server(is_pinned: bool) -> Self {
        let mut command = command(&own_program(), server::ROLE);
        if is_pinned {
            command.env(pin::CORE, "1");
        }
        Self(child::Child::start("the server".to_owned(), command))
    }

    /// Starts a client of the server that printed the line `server`.
    pub(crate) fn client(contestant: &Contestant, server: &str, is_pinned: bool) -> Self {
        let variant = &contestant.variant;
        let mut command = command(&contestant.program, variant.name);
        let threads = variant.threads.to_string();
        let words: Vec<&str> = server.split(' ').collect();
        let [address, tls_address, root] = words[..] else {
            panic!("the server printed {server:?}");
        };
        command
            .env(client::ADDRESS, address)
            .env(client::TLS_ADDRESS, tls_address)
            .env(client::TLS_ROOT, root)
            .env("ASYNC_STD_THREAD_COUNT", &threads)
            .env("SMOL_THREADS", &threads);
        if is_pinned {
            command.env(pin::CORE, "0");
        }
        Self(child::Child::start(contestant.label.clone(), command))
    }

    /// Waits for the next line from the child.
    pub(crate) fn line(&mut self) -> String {
        self.0.line(ANSWER_LIMIT)
    }

    /// Makes the child run a round of calls. `is_counted` measures allocations instead of CPU time.
    pub(crate) fn round(&mut self, case: &Case, calls: usize, is_counted: bool) -> Cost {
        let counted = u8::from(is_counted);
        self.0.send(&format!("{} {calls} {counted}", case.code()));
        let line = self.line();
        let numbers: Option<Vec<u32>> = line.split(' ').map(|word| word.parse().ok()).collect();
        let Some([cpu_ns, allocations]) = numbers.as_deref() else {
            panic!("{} printed {line:?}", self.0.name());
        };
        let calls = f64::from(u32::try_from(calls).expect("not so many calls"));
        Cost {
            cpu_ns: f64::from(*cpu_ns) / calls,
            allocations: f64::from(*allocations) / calls,
        }
    }
}

/// Returns the cases that another build has.
pub(crate) fn cases_of(program: &Path) -> Vec<Case> {
    let mut command = command(program, LISTING_ROLE);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().expect("a program that starts");
    if !output.status.success() {
        // A build from before the cases over TLS knows no such role, and has all others.
        return CASES
            .into_iter()
            .filter(|case| !case.is_encrypted)
            .collect();
    }
    let codes = String::from_utf8_lossy(&output.stdout);
    codes.lines().filter_map(Case::from_code).collect()
}

/// Prepares to start a build of this benchmark in another role.
fn command(program: &Path, role: &str) -> Command {
    let mut command = Command::new(program);
    command.env(ROLE, role);
    command
}
