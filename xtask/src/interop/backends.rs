//! The third-party gRPC servers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::build;
use super::server::Server;
use crate::context::Context;
use crate::failure::Failure;

/// The last bytes of the addresses 127.0.0.x of grpc-go and C-core.
pub(super) const LAST_BYTES: [u8; 2] = [2, 3];

/// The servers by name, shared with the thread of `control`.
#[derive(Clone)]
pub(super) struct Backends(Arc<Mutex<BTreeMap<&'static str, Backend>>>);

/// One server, running or stopped.
struct Backend {
    name: &'static str,
    address: SocketAddr,
    program: PathBuf,
    args: Vec<PathBuf>,
    folder: PathBuf,
    server: Option<Server>,
}

impl Backends {
    /// Builds and starts the servers, all at `port`, each at its own address.
    pub(super) fn start(
        context: &Context,
        folder: &Path,
        port: u16,
        missing: &mut Vec<String>,
    ) -> Result<Self, Failure> {
        let mut backends = BTreeMap::new();
        let grpc_go = build::grpc_go(context)?;
        let c_core = build::c_core(context)?;
        let servers = [("grpc-go", grpc_go), ("c-core", c_core)];
        for ((name, built), last) in servers.into_iter().zip(LAST_BYTES) {
            match built {
                Ok((program, args)) => {
                    let mut backend = Backend {
                        name,
                        address: (Ipv4Addr::new(127, 0, 0, last), port).into(),
                        program,
                        args,
                        folder: folder.to_owned(),
                        server: None,
                    };
                    backend.start()?;
                    backends.insert(name, backend);
                }
                Err(why) => missing.push(format!("{name}: {why}")),
            }
        }
        Ok(Self(Arc::new(Mutex::new(backends))))
    }

    /// Returns the names and addresses of all servers, running or stopped.
    pub(super) fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let backends = self.lock();
        let each = backends.values();
        each.map(|backend| (backend.name, backend.address))
            .collect()
    }

    /// Carries out a request line of the command, and returns the answer.
    pub(super) fn execute(&self, line: &str) -> Result<Value, Failure> {
        let (verb, name) = line.split_once(' ').unwrap_or((line, ""));
        let mut backends = self.lock();
        let backend = backends
            .get_mut(name)
            .ok_or_else(|| Failure::new(format!("no server `{name}`")))?;
        match verb {
            "counts" => backend.running()?.counts(),
            "terminate" => {
                backend.running()?;
                let server = backend.server.take();
                server.map_or(Ok(Value::Null), Server::terminate)
            }
            "kill" => {
                backend.running()?;
                backend.server = None;
                Ok(json!({"event": "killed"}))
            }
            "start" => {
                backend.start()?;
                Ok(json!({"event": "ready", "address": backend.address.to_string()}))
            }
            _ => Err(Failure::new(format!("unknown word `{verb}`"))),
        }
    }

    /// Ends all servers.
    pub(super) fn end(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Backend>> {
        // A poisoned lock does not matter: no panic leaves a server in an inconsistent state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend {
    fn start(&mut self) -> Result<(), Failure> {
        if self.server.is_some() {
            return Err(Failure::new(format!("{} runs already", self.name)));
        }
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .arg("--listen")
            .arg(self.address.to_string());
        self.server = Some(Server::start(self.name, command, &self.folder)?);
        Ok(())
    }

    fn running(&mut self) -> Result<&mut Server, Failure> {
        let name = self.name;
        let stopped = || Failure::new(format!("{name} does not run"));
        self.server.as_mut().ok_or_else(stopped)
    }
}
