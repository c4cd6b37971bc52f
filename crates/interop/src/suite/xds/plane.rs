//! The control plane: go-control-plane in a process of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::process::Process;
use crate::clock::until;
use crate::wrong::Wrong;

/// The types that a client of endpoints is subscribed to.
const KINDS: usize = 4;

/// A running control plane.
#[derive(Debug)]
pub(super) struct Plane {
    command: Vec<String>,
    flags: &'static [&'static str],
    /// `None` while it is killed.
    process: Option<Process>,
    /// `HOST:PORT`.
    pub(super) address: String,
    /// How many processes there were.
    epoch: u32,
    /// What is served, by type and name.
    resources: BTreeMap<(String, String), Value>,
    /// The version of each type, by the last part of the type.
    versions: BTreeMap<String, String>,
    /// The node of each stream, which is in its first request alone.
    nodes: BTreeMap<u64, String>,
    /// What was seen of each node.
    seen: BTreeMap<String, Seen>,
    /// The calls that each node has reported as successful, by the name of the cluster.
    loads: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What the control plane saw of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The names in the last request of each type, by the last part of the type.
    pub(super) subscriptions: BTreeMap<String, Vec<String>>,
    /// The last version of each type that the client has accepted, by the last part of the type.
    accepted: BTreeMap<String, String>,
    /// The types of which the client has rejected a response in this step.
    pub(super) rejected: BTreeSet<String>,
    /// How many requests there were in all steps. go-control-plane answers a rejection at once with
    /// the response that was rejected, and so each client sends many; they count once a step.
    pub(super) requests: usize,
}

impl Plane {
    pub(super) fn start(command: &[String]) -> Result<Self, Wrong> {
        Self::start_at(command, "127.0.0.1:0")
    }

    /// Starts a control plane that serves each node what is set for it.
    pub(super) fn start_by_node(command: &[String]) -> Result<Self, Wrong> {
        Self::start_with(command, &["-by-node"], "127.0.0.1:0")
    }

    /// Starts a control plane that listens at this address.
    pub(super) fn start_at(command: &[String], address: &str) -> Result<Self, Wrong> {
        Self::start_with(command, &[], address)
    }

    fn start_with(
        command: &[String],
        flags: &'static [&'static str],
        address: &str,
    ) -> Result<Self, Wrong> {
        let mut plane = Self {
            command: command.to_vec(),
            flags,
            process: None,
            address: address.to_owned(),
            epoch: 0,
            resources: BTreeMap::new(),
            versions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            seen: BTreeMap::new(),
            loads: BTreeMap::new(),
        };
        plane.restart()?;
        Ok(plane)
    }

    /// Returns the id of the process.
    pub(super) fn id(&self) -> Result<u32, Wrong> {
        let process = self.process.as_ref();
        Ok(process.ok_or("the control plane is killed")?.id())
    }

    /// Ends the process, without a farewell to its clients. Resources can be set while it is gone.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts another process at the same address, with the same resources.
    pub(super) fn restart(&mut self) -> Result<(), Wrong> {
        self.epoch += 1;
        let epoch = self.epoch.to_string();
        let args = ["plane", "-listen", &self.address, "-epoch", &epoch];
        let args = [&args, self.flags].concat();
        let (process, ready) = Process::start("go-control-plane", &self.command, &args, &[])?;
        let address = ready["address"].as_str().ok_or("no address")?;
        address.clone_into(&mut self.address);
        self.process = Some(process);
        // The streams have other numbers.
        self.nodes.clear();
        self.seen.clear();
        let resources: Vec<Value> = self.resources.values().cloned().collect();
        self.serve(&resources)
    }

    /// Adds resources, or replaces those of the same names.
    pub(super) fn set(&mut self, resources: &[Value]) -> Result<(), Wrong> {
        for resource in resources {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let name = text(&resource["name"]).or_else(|| text(&resource["cluster_name"]));
            let key = text(&resource["@type"]).zip(name);
            let key = key.ok_or_else(|| format!("a resource without a name: {resource}"))?;
            self.resources.insert(key, resource.clone());
        }
        if self.process.is_none() {
            return Ok(());
        }
        self.serve(resources)
    }

    /// Adds or replaces resources for one node.
    pub(super) fn set_for(&mut self, node: &str, resources: &[Value]) -> Result<(), Wrong> {
        let command = json!({"command": "set", "node": node, "resources": resources});
        self.ask(&command, "done").map(drop)
    }

    /// Returns the counters of all messages.
    pub(super) fn traffic(&mut self) -> Result<Value, Wrong> {
        // The list of requests would grow.
        self.ask(&json!({"command": "requests"}), "requests")?;
        self.ask(&json!({"command": "traffic"}), "traffic")
    }

    fn serve(&mut self, resources: &[Value]) -> Result<(), Wrong> {
        self.obey(&json!({"command": "set", "resources": resources}))
    }

    /// Removes a resource.
    pub(super) fn delete(&mut self, kind: &str, name: &str) -> Result<(), Wrong> {
        self.resources.remove(&(kind.to_owned(), name.to_owned()));
        self.obey(&json!({"command": "delete", "type": kind, "name": name}))
    }

    /// Ends all streams.
    pub(super) fn kill_streams(&mut self) -> Result<(), Wrong> {
        self.obey(&json!({"command": "kill"}))
    }

    fn obey(&mut self, command: &Value) -> Result<(), Wrong> {
        let answer = self.ask(command, "done")?;
        for (kind, version) in answer["versions"].as_object().into_iter().flatten() {
            let version = version.as_str().unwrap_or_default().to_owned();
            self.versions.insert(last_part(kind), version);
        }
        Ok(())
    }

    fn ask(&mut self, command: &Value, event: &str) -> Result<Value, Wrong> {
        let process = self.process.as_mut();
        process
            .ok_or("the control plane is killed")?
            .ask(command, event)
    }

    /// Returns the version of a type, by its last part.
    pub(super) fn version(&self, kind: &str) -> &str {
        self.versions.get(kind).map_or("", String::as_str)
    }

    /// Waits until a client has accepted everything of the types that it is subscribed to.
    pub(super) fn settle(&mut self, node: &str) -> Result<(), Wrong> {
        let mut last = Seen::default();
        let settled = until("the client has accepted all resources", || {
            last = self.seen(node)?;
            let mut kinds = last.subscriptions.keys();
            Ok(last.subscriptions.len() == KINDS
                && kinds.all(|kind| last.accepted.get(kind) == self.versions.get(kind)))
        });
        settled
            .map_err(|wrong| format!("{wrong}: {node}, {last:?}, {:?}", self.versions).into())
            .map(drop)
    }

    /// Begins a step: forgets which types were rejected before.
    pub(super) fn start_step(&mut self) -> Result<(), Wrong> {
        self.read()?;
        self.seen
            .values_mut()
            .for_each(|seen| seen.rejected.clear());
        Ok(())
    }

    /// Returns what was seen of a client until now.
    pub(super) fn seen(&mut self, node: &str) -> Result<Seen, Wrong> {
        self.read()?;
        Ok(self.seen.get(node).cloned().unwrap_or_default())
    }

    /// Returns how many calls of a cluster a client has reported as successful until now.
    pub(super) fn load(&mut self, node: &str, cluster: &str) -> Result<u64, Wrong> {
        let answer = self.ask(&json!({"command": "loads"}), "loads")?;
        for load in answer["loads"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let stats = &load["stats"];
            let clusters = self.loads.entry(text(&load["node"])).or_default();
            let calls = clusters.entry(text(&stats["clusterName"])).or_default();
            for locality in stats["upstreamLocalityStats"]
                .as_array()
                .into_iter()
                .flatten()
            {
                // The JSON of a 64-bit integer is a string.
                let successful = text(&locality["totalSuccessfulRequests"]);
                *calls += successful.parse::<u64>().unwrap_or(0);
            }
        }
        let clusters = self.loads.get(node);
        let calls = clusters.and_then(|clusters| clusters.get(cluster));
        Ok(calls.copied().unwrap_or(0))
    }

    /// Reads the requests since the last time.
    fn read(&mut self) -> Result<(), Wrong> {
        let answer = self.ask(&json!({"command": "requests"}), "requests")?;
        for request in answer["requests"].as_array().into_iter().flatten() {
            let text = |field: &str| request[field].as_str().unwrap_or_default().to_owned();
            let stream = request["stream"].as_u64().unwrap_or_default();
            if !text("node").is_empty() {
                self.nodes.insert(stream, text("node"));
            }
            let node = self.nodes.get(&stream).cloned().unwrap_or_default();
            let kind = last_part(&text("type"));
            let seen = self.seen.entry(node).or_default();
            let is_new = text("error").is_empty() || seen.rejected.insert(kind.clone());
            seen.requests += usize::from(is_new);
            seen.accepted.insert(kind.clone(), text("version"));
            let names = request["names"].as_array().into_iter().flatten();
            let names: Vec<_> = names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            if names.is_empty() {
                seen.subscriptions.remove(&kind);
            } else {
                seen.subscriptions.insert(kind, names);
            }
        }
        Ok(())
    }
}

/// Returns the last part of the name of a type.
fn last_part(kind: &str) -> String {
    kind.rsplit('.').next().unwrap_or_default().to_owned()
}
