//! The control plane: go-control-plane in a process of its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::process::Process;
use crate::wrong::Wrong;

/// A running control plane.
#[derive(Debug)]
pub(super) struct Plane {
    process: Process,
    /// `HOST:PORT`.
    pub(super) address: String,
    /// The node of each stream, which is in its first request alone.
    nodes: BTreeMap<u64, String>,
}

/// A request that the control plane saw, as far as two clients must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) names: Vec<String>,
    pub(super) version: String,
    pub(super) is_nack: bool,
}

/// The requests of each node by the last part of their type.
pub(super) type Requests = BTreeMap<String, BTreeMap<String, Vec<Request>>>;

impl Plane {
    pub(super) fn start(command: &[String]) -> Result<Self, Wrong> {
        let (process, ready) = Process::start("go-control-plane", command, &["plane"], &[])?;
        let address = ready["address"].as_str().ok_or("no address")?.to_owned();
        Ok(Self {
            process,
            address,
            nodes: BTreeMap::new(),
        })
    }

    /// Adds resources, or replaces those of the same names.
    pub(super) fn set(&mut self, resources: &[Value]) -> Result<(), Wrong> {
        self.obey(&json!({"command": "set", "resources": resources}))
    }

    /// Removes a resource.
    pub(super) fn delete(&mut self, kind: &str, name: &str) -> Result<(), Wrong> {
        self.obey(&json!({"command": "delete", "type": kind, "name": name}))
    }

    /// Ends all streams.
    pub(super) fn kill_streams(&mut self) -> Result<(), Wrong> {
        self.obey(&json!({"command": "kill"}))
    }

    fn obey(&mut self, command: &Value) -> Result<(), Wrong> {
        self.process.ask(command, "done").map(drop)
    }

    /// Returns the requests since the last call of this.
    pub(super) fn requests(&mut self) -> Result<Requests, Wrong> {
        let answer = self
            .process
            .ask(&json!({"command": "requests"}), "requests")?;
        let mut all = Requests::new();
        for request in answer["requests"].as_array().into_iter().flatten() {
            let text = |field: &str| request[field].as_str().unwrap_or_default().to_owned();
            let stream = request["stream"].as_u64().unwrap_or_default();
            if !text("node").is_empty() {
                self.nodes.insert(stream, text("node"));
            }
            let node = self.nodes.get(&stream).cloned().unwrap_or_default();
            let kind = text("type")
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            let names = request["names"].as_array().into_iter().flatten();
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            let requests = all.entry(node).or_default().entry(kind).or_default();
            let request = Request {
                names: names.collect(),
                version: text("version"),
                is_nack: !text("error").is_empty(),
            };
            // go-control-plane answers a NACK at once with the response that was refused: how often depends
            // on the time.
            if requests.last() != Some(&request) {
                requests.push(request);
            }
        }
        Ok(all)
    }
}
