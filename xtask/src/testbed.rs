//! The testbed of Happy Eyeballs: compares connectors on a network with delays.
//!
//! It makes two network namespaces, with two TUN devices and a program (`benches/peers/he`) between
//! them. The program delays packets by the number that is encoded in the server's address. Nothing
//! outside of the namespaces changes. Each client runs the three cases of the "Lazy Eye" study (IMC
//! 2025, arXiv 2412.00263): a delay of IPv6, a delay of the AAAA answer, and ten dead addresses of
//! each family.

mod again;
mod cases;
mod dialogue;
mod namespaces;
mod page;
mod plot;
mod verdict;

use std::path::PathBuf;

use crate::context::Context;
use crate::failure::Failure;
use crate::step::Done;
use again::again;
use cases::{Measured, Plan, Sides};
use namespaces::Namespaces;

/// The program. It is a separate workspace, so the other steps do not build it.
const MANIFEST: &str = "benches/peers/he/Cargo.toml";

/// The program and the namespaces in which it measures.
struct Testbed<'a> {
    context: &'a Context,
    program: PathBuf,
    namespaces: Namespaces,
}

/// The results of all clients.
#[derive(Default)]
struct Results {
    /// What was measured first. All clients have the same chances, so these are compared and printed.
    first: Vec<Measured>,
    /// The same, where [`again()`] replaced what was wrong. These are judged.
    last: Vec<Measured>,
    /// A line for each client, with how much was measured again.
    lines: Vec<String>,
}

impl<'a> Testbed<'a> {
    /// Builds the program and makes the namespaces; `Ok(Err(reason))` if that is not possible here.
    fn start(context: &'a Context) -> Result<Result<Self, String>, Failure> {
        if let Some(reason) = namespaces::missing(context) {
            return Ok(Err(reason));
        }
        let target = context.root.join("target/he");
        context
            .run(&format!("cargo build --manifest-path {MANIFEST}"))
            .env("CARGO_TARGET_DIR", &target)
            .succeed()?;
        let program = target.join("debug/he");
        Ok(Namespaces::make(context)?.map(|namespaces| Self {
            context,
            program,
            namespaces,
        }))
    }

    /// Measures all cases with every client.
    fn measure(&self, plan: &Plan) -> Result<Result<Results, String>, Failure> {
        let mut far = match self.namespaces.far(&self.program)? {
            Ok(far) => far,
            Err(reason) => return Ok(Err(reason)),
        };
        self.namespaces.connect(self.context)?;
        far.ask("serve")?;
        let names = self.context.program(&self.program).args(["clients"]);
        let names = names.stdout()?;
        let mut results = Results::default();
        for name in names.lines() {
            if name == "curl" && self.context.run("curl --version").stdout().is_err() {
                continue;
            }
            let mut near = self.namespaces.near(&self.program, name)?;
            let mut sides = Sides {
                near: &mut near,
                far: &mut far,
            };
            let first = cases::measure(name, plan, &mut sides)?;
            let (last, count) = again(&first, &mut sides)?;
            results.lines.push(page::line(&first, count));
            results.last.push(last);
            results.first.push(first);
        }
        Ok(Ok(results))
    }
}

/// Runs the short form, for `ci`. It fails if Trunkline's connector is wrong, and is skipped if it
/// is not possible here.
pub(crate) fn check(context: &Context) -> Result<Done, Failure> {
    context
        .run(&format!("cargo fmt --check --manifest-path {MANIFEST}"))
        .succeed()?;
    let testbed = match Testbed::start(context)? {
        Ok(testbed) => testbed,
        Err(reason) => return Ok(Done::Skipped(reason)),
    };
    let results = match testbed.measure(&Plan::short())? {
        Ok(results) => results,
        Err(reason) => return Ok(Done::Skipped(reason)),
    };
    verdict::judge(&results.last)?;
    Ok(Done::Passed(results.lines))
}

/// Runs the long form, which writes the page and its plots, or the short form, which only prints.
pub(crate) fn run(context: &Context, short: bool) -> Result<(), Failure> {
    let plan = if short { Plan::short() } else { Plan::long() };
    let testbed = Testbed::start(context)?.map_err(Failure::new)?;
    let results = testbed.measure(&plan)?.map_err(Failure::new)?;
    results.lines.iter().for_each(|line| println!("{line}"));
    if !short {
        page::write(context, &plan, &results.first)?;
    }
    verdict::judge(&results.last)
}
