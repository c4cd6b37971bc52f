//! The servers of other projects, each in a process of its own.
//!
//! `cargo xtask interop` has built them, and passes their command lines.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::addresses::Addresses;
use super::cases::MAX_STREAMS;
use super::certificates::Certificates;
use crate::clock::until;
use crate::environment::optional;
use crate::wrong::Wrong;

/// The servers, in the order of the table.
const NAMES: [&str; 3] = [GRPC_GO, "c-core", "grpc-java"];

pub(super) const GRPC_GO: &str = "grpc-go";

/// A server of another project.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) name: &'static str,
    /// The running server, or why it is not on this machine.
    pub(super) started: Result<Running, String>,
}

/// A process, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    process: Child,
    pub(super) addresses: Addresses,
}

impl Running {
    /// Makes every second call of a grpc-go server fail, or none.
    pub(super) fn set_failing(&self, fails: bool) -> Result<(), Wrong> {
        let signal = if fails { Signal::USR1 } else { Signal::USR2 };
        kill_process(Pid::from_child(&self.process), signal)?;
        Ok(())
    }

    /// Sends SIGTERM, and waits until the server has let its calls finish.
    pub(super) fn terminate(&mut self) -> Result<(), Wrong> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        let mut status = None;
        until("a server ends after SIGTERM", || {
            status = self.process.try_wait()?;
            Ok(status.is_some())
        })?;
        match status {
            Some(status) if !status.success() => {
                Err(format!("a server ended with {status}").into())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the servers that this machine has.
///
/// # Errors
///
/// When a server does not start.
pub(super) fn start(certificates: &Certificates) -> Result<Vec<Foreign>, Wrong> {
    let mut servers = Vec::new();
    let args = ["--max-streams".to_owned(), MAX_STREAMS.to_string()];
    for name in NAMES {
        let started = match command(name)? {
            Ok(command) => Ok(spawn(name, &command, certificates, &args)?),
            Err(why) => Err(why),
        };
        servers.push((name, started));
    }
    // All processes run before the first is waited for.
    let ready = servers.into_iter().map(|(name, started)| {
        let started = match started {
            Ok(process) => Ok(ready(name, process)?),
            Err(why) => Err(why),
        };
        Ok(Foreign { name, started })
    });
    ready.collect()
}

/// Starts one grpc-go server with more arguments. It needs the command line of [`command`].
pub(super) fn start_grpc_go(
    command: &[String],
    certificates: &Certificates,
    args: &[String],
) -> Result<Running, Wrong> {
    ready(GRPC_GO, spawn(GRPC_GO, command, certificates, args)?)
}

/// Returns the command line of a server, or why it is not on this machine.
pub(super) fn command(name: &str) -> Result<Result<Vec<String>, String>, Wrong> {
    let given = optional::<String>("SUITE")?;
    let given = given.ok_or(
        "TRUNKLINE_INTEROP_SUITE is not set: run `cargo xtask interop`, which builds the servers",
    )?;
    let given: Value = serde_json::from_str(&given)?;
    Ok(match given[name]["command"].as_array() {
        Some(words) => Ok(words
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()),
        None => {
            let why = given[name]["missing"].as_str();
            Err(why.unwrap_or("it was not named").to_owned())
        }
    })
}

fn spawn(
    name: &str,
    command: &[String],
    certificates: &Certificates,
    args: &[String],
) -> Result<Child, Wrong> {
    let (program, words) = command
        .split_first()
        .ok_or_else(|| format!("{name}: an empty command"))?;
    Command::new(program)
        .args(words)
        .arg("--certificate")
        .arg(certificates.certificate())
        .arg("--key")
        .arg(certificates.key())
        .arg("--client-ca")
        .arg(certificates.client_ca())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {name}: {error}").into())
}

/// Waits for the line with the addresses.
fn ready(name: &str, mut process: Child) -> Result<Running, Wrong> {
    let output = process.stdout.take().ok_or("a process without an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let addresses: Value = serde_json::from_str(&line)
        .map_err(|error| format!("{name} printed `{}`: {error}", line.trim_end()))?;
    let address = |security: &str| -> Result<SocketAddr, Wrong> {
        let address = addresses[security].as_str();
        let address =
            address.ok_or_else(|| format!("{name}: no address for {security}: {line}"))?;
        Ok(address.parse()?)
    };
    Ok(Running {
        addresses: Addresses {
            plaintext: address("plaintext")?,
            tls: address("tls")?,
            mutual: address("mtls")?,
        },
        process,
    })
}
