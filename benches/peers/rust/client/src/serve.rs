//! The main function of a client.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;

use crate::peer::Peer;
use crate::protocol::{FromClient, Hello, Setup, ToClient, VERSION};
use crate::rounds::Rounds;

/// Prints what this client is, reads the setup, and answers each round until the input ends.
pub fn serve<P: Peer>(name: &str) -> ExitCode {
    match answer_all::<P>(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer_all<P: Peer>(name: &str) -> Result<(), String> {
    print(&FromClient::Hello(Hello {
        protocol: VERSION,
        name: name.to_owned(),
        version: P::VERSION.to_owned(),
        can: P::abilities(),
    }))?;
    let mut lines = stdin().lock().lines();
    let mut next = || -> Result<Option<ToClient>, String> {
        let line = lines.next().transpose();
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        line.map(|line| serde_json::from_str(&line).map_err(|error| format!("{line}: {error}")))
            .transpose()
    };
    let setup: Setup = match next()? {
        Some(ToClient::Setup(setup)) => setup,
        other => return Err(format!("the first line is no setup: {other:?}")),
    };
    let mut rounds = Rounds::<P>::new(setup)?;
    while let Some(order) = next()? {
        let ToClient::Round(round) = order else {
            return Err("a second setup".to_owned());
        };
        print(&match rounds.measure(&round) {
            Ok(cost) => FromClient::Result(cost),
            Err(error) => FromClient::Failure(error),
        })?;
    }
    Ok(())
}

/// Writes a line to the coordinator.
fn print(line: &FromClient) -> Result<(), String> {
    let text = serde_json::to_string(line).map_err(|error| error.to_string())?;
    let mut output = stdout().lock();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(|error| format!("standard output: {error}"))
}
