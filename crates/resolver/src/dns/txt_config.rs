//! The service config in the TXT records of a host.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Context;

use trunkline_dns::io::{Client, RecordLookup};
use trunkline_dns::{LookupError, RecordAnswer, ServerAttempt};
use trunkline_runtime::Runtime;
use trunkline_service_config::{Client as Chooser, choose_from_txt};

use crate::{ResolveError, ResolveErrorKind, ServiceConfigSource};

/// The properties of this process that decide which choice in a TXT record applies to it. They are
/// determined once, so every resolution selects the same choice.
#[derive(Debug, Default)]
pub(super) struct ClientIdentity(OnceLock<(u8, Option<Arc<str>>)>);

impl ClientIdentity {
    /// Returns a random number from 0 to 99, which is compared with a choice's percentage, and the
    /// name of this host.
    fn get(&self, runtime: &dyn Runtime, host_name: Option<&str>) -> (u8, Option<Arc<str>>) {
        let identity = self.0.get_or_init(|| {
            let sample = (runtime.seed() % 100) as u8;
            let name = host_name.map(str::to_owned).or_else(system_host_name);
            (sample, name.map(Into::into))
        });
        identity.clone()
    }
}

/// Returns the host name that Linux shows in a file; `None` on other systems, where only the option
/// can give it.
fn system_host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The service config of one host, from repeated lookups of its TXT records.
#[derive(Debug)]
pub(super) struct TxtConfig {
    /// `_grpc_config.` and the host.
    name: String,
    /// A number from 0 to 99, which is compared with a choice's percentage.
    sample: u8,
    /// The name of the host that this process runs on.
    host_name: Option<Arc<str>>,
    /// The lookup in progress.
    lookup: Option<RecordLookup<Vec<u8>>>,
    /// The result of the last lookup that did not fail.
    current: ServiceConfigSource,
    /// The queries of the last lookup, with their outcomes.
    attempts: Vec<ServerAttempt>,
}

impl TxtConfig {
    pub(super) fn new(
        host: &str,
        identity: &ClientIdentity,
        runtime: &dyn Runtime,
        host_name: Option<&str>,
    ) -> Self {
        let (sample, host_name) = identity.get(runtime, host_name);
        Self {
            name: format!("_grpc_config.{host}"),
            sample,
            host_name,
            lookup: None,
            current: ServiceConfigSource::Absent,
            attempts: Vec::new(),
        }
    }

    /// Starts a lookup, unless one is in progress.
    pub(super) fn start(&mut self, client: &Client) {
        self.lookup
            .get_or_insert_with(|| client.lookup_txt(&self.name));
    }

    /// Returns the service config of the last lookup that did not fail.
    pub(super) fn current(&self) -> &ServiceConfigSource {
        &self.current
    }

    /// Returns where the service config is, in words.
    pub(super) fn place(&self) -> Arc<str> {
        format!("TXT record of {}", self.name).into()
    }

    /// Returns every query of the last lookup, with its outcome.
    pub(super) fn attempts(&self) -> &[ServerAttempt] {
        &self.attempts
    }

    /// Returns whether a lookup is in progress.
    pub(super) fn is_running(&self) -> bool {
        self.lookup.is_some()
    }

    /// Polls the lookup; returns true when it has ended in this call.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(lookup) = &mut self.lookup else {
            return false;
        };
        let std::task::Poll::Ready(result) = Pin::new(lookup).poll(cx) else {
            return false;
        };
        self.lookup = None;
        self.attempts = match &result {
            Ok(answer) => answer.attempts.clone(),
            Err(error) => error.attempts().to_vec(),
        };
        if let Some(config) = self.read(result) {
            self.current = config;
        }
        true
    }

    /// Returns the service config in the result of a lookup; `None` after a failure that may be
    /// temporary, which keeps the earlier one.
    fn read(
        &self,
        result: Result<RecordAnswer<Vec<u8>>, LookupError>,
    ) -> Option<ServiceConfigSource> {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) if error.kind().is_soft() => return None,
            Err(_) => return Some(ServiceConfigSource::Absent),
        };
        // A list of choices is ASCII, so a record that is not UTF-8 has another purpose.
        let texts = answer.records.iter();
        let texts = texts.filter_map(|text| std::str::from_utf8(text).ok());
        let chooser = Chooser::new(self.sample, self.host_name.as_deref());
        Some(match choose_from_txt(texts, &chooser) {
            Ok(Some(json)) => ServiceConfigSource::Json(json.into()),
            Ok(None) => ServiceConfigSource::Absent,
            Err(error) => {
                let text = format!(
                    "the service config in the TXT record of {}: {error}",
                    self.name
                );
                let kind = ResolveErrorKind::Unavailable;
                let error = ResolveError::new(kind, text)
                    .with_name(&*self.name)
                    .with_source(error);
                ServiceConfigSource::Invalid(error)
            }
        })
    }
}
