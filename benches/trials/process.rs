//! The child processes of a trial.

use std::env;
use std::process::{Command, ExitCode};
use std::time::Duration;

use trunkline_benches::child::Child;

use crate::contestant::Contestant;
use crate::outcome::{Outcomes, parse};
use crate::server::Kind;
use crate::{client, server};

/// Environment variable with the role of a child.
const ROLE: &str = "TRUNKLINE_TRIAL";

/// A child that does not answer within this time, beside the time of the trial, hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What a child does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Server(Kind),
    Client(Contestant),
}

/// Returns the role of this process, if it is a child.
pub(crate) fn role() -> Option<Role> {
    let name = env::var(ROLE).ok()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    Some(kind.map_or_else(|| Role::Client(Contestant::named(&name)), Role::Server))
}

impl Role {
    pub(crate) fn run(self) -> ExitCode {
        match self {
            Self::Server(kind) => server::run(kind),
            Self::Client(contestant) => client::run(contestant),
        }
        ExitCode::SUCCESS
    }

    fn start(self) -> Child {
        let role = match self {
            Self::Server(kind) => kind.name(),
            Self::Client(contestant) => contestant.name(),
        };
        let program = env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command.env(ROLE, role);
        Child::start(role.to_owned(), command)
    }
}

/// The results of one client.
pub(crate) struct Results {
    pub(crate) contestant: Contestant,
    pub(crate) outcomes: Outcomes,
    /// How many connections of the servers were closed.
    pub(crate) lost: u64,
}

/// Runs a trial with these clients at the same time. `size` is in seconds or in calls; the trial
/// takes at most `time`.
pub(crate) fn trial(
    name: &str,
    size: usize,
    clients: &[Contestant],
    kind: Kind,
    time: Duration,
) -> Vec<Results> {
    let mut children: Vec<(Contestant, Child, Child)> = clients
        .iter()
        .map(|&contestant| {
            let server = Role::Server(kind).start();
            let client = Role::Client(contestant).start();
            (contestant, server, client)
        })
        .collect();
    for (_, server, client) in &mut children {
        let addresses = server.line(ANSWER_LIMIT);
        client.send(&format!("{name} {size} {addresses}"));
    }
    let results = children.iter_mut().map(|(contestant, server, client)| {
        let mut outcomes = Outcomes::new();
        while parse(&client.line(time + ANSWER_LIMIT), &mut outcomes) {}
        server.send("");
        let lost = server.line(ANSWER_LIMIT);
        Results {
            contestant: *contestant,
            outcomes,
            lost: lost.parse().expect("a number"),
        }
    });
    results.collect()
}
