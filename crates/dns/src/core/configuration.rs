//! The configuration, with what its files contained when they were last read.

use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::config::Origin;
use crate::{ClientConfig, Hosts, ResolvConf};

/// The shortest time from one look at the files to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The configuration of a client, with what its files contained when they were last read.
///
/// Where [`is_due`](Self::is_due) returns true, look at the files, pass the text of each one that
/// has changed to [`handle_hosts`](Self::handle_hosts) or
/// [`handle_resolv_conf`](Self::handle_resolv_conf), and call [`handle_look`](Self::handle_look).
#[derive(Debug)]
pub struct Configuration {
    config: ClientConfig,
    conf: ResolvConf,
    hosts: Hosts,
    /// When the files were last looked at.
    looked_at: Option<Instant>,
    /// True when a text of `resolv.conf` was handled since then.
    has_new_conf: bool,
}

impl Configuration {
    /// Returns the configuration before its files have been looked at.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let conf = match &config.resolv_conf {
            Origin::Value(conf) => conf.clone(),
            Origin::None | Origin::File(_) => ResolvConf::default(),
        };
        let hosts = match &config.hosts {
            Origin::Value(hosts) => hosts.clone(),
            Origin::None | Origin::File(_) => Hosts::default(),
        };
        Self {
            config,
            conf,
            hosts,
            looked_at: None,
            has_new_conf: false,
        }
    }

    /// Returns the hosts, from the configuration or the file.
    #[must_use]
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Returns the settings that follow from the configuration and its files.
    ///
    /// `interface` returns the index of an interface by its name.
    #[must_use]
    pub fn settings(&self, interface: impl Fn(&str) -> Option<u32>) -> Settings {
        Settings::new(&self.config, &self.conf, interface)
    }

    /// Returns whether to look at the files: at first, and then every 5 s, unless `resolv.conf` has
    /// the option `no-reload`.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        match self.looked_at {
            None => true,
            Some(at) => now >= at + LOOK_EVERY && !self.conf.options.no_reload,
        }
    }

    /// Handles the new text of the hosts file; empty for a file that is gone.
    pub fn handle_hosts(&mut self, text: &[u8]) {
        self.hosts = Hosts::parse(text);
    }

    /// Handles the new text of `resolv.conf`; empty for a file that is gone. Returns whether the
    /// text is used: else read the file again at the next look, even if it has not changed.
    ///
    /// A text without a name server is not used while an earlier one with a name server is in use:
    /// the file may be in the middle of a write. `variable` returns an environment variable by its
    /// name.
    pub fn handle_resolv_conf(
        &mut self,
        text: &[u8],
        variable: impl Fn(&str) -> Option<String>,
    ) -> bool {
        self.has_new_conf = true;
        let mut conf = ResolvConf::parse(text);
        let is_whole = !conf.nameservers.is_empty() || self.config.servers.is_some();
        if !is_whole && !self.conf.nameservers.is_empty() {
            return false;
        }
        if self.config.environment {
            conf.apply_environment(
                variable("LOCALDOMAIN").as_deref(),
                variable("RES_OPTIONS").as_deref(),
            );
        }
        self.conf = conf;
        true
    }

    /// Handles the end of a look at the files; returns whether the settings may have changed: after
    /// the first look, after a new text of `resolv.conf`, and where a server is at an interface that
    /// is given by its name, since its index may have changed.
    ///
    /// At the first look a `resolv.conf` that is missing counts as an empty one, so that the
    /// environment applies.
    pub fn handle_look(&mut self, variable: impl Fn(&str) -> Option<String>, now: Instant) -> bool {
        let is_first = self.looked_at.is_none();
        let is_file = matches!(self.config.resolv_conf, Origin::File(_));
        if is_first && is_file && !self.has_new_conf {
            self.handle_resolv_conf(b"", variable);
        }
        self.looked_at = Some(now);
        let has_interface = self.conf.has_interface();
        is_first | std::mem::take(&mut self.has_new_conf) | has_interface
    }
}
