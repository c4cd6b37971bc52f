//! The files that the configuration comes from, read again when they change.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::config::{ClientConfig, Origin};
use crate::core::Settings;
use crate::{Hosts, ResolvConf};

/// How often files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What is read of a file: block lists in a hosts file have some megabytes.
const MAX_FILE: u64 = 16 << 20;

/// What tells one version of a file from another.
type Version = (Option<SystemTime>, u64, u64);

/// A file, or what stands for it.
#[derive(Debug)]
struct Watched<T> {
    origin: Origin<T>,
    version: Option<Version>,
}

impl<T> Watched<T> {
    /// The file's octets where it has changed since they were last read.
    fn changed(&mut self) -> Option<Vec<u8>> {
        let Origin::File(path) = &self.origin else {
            return None;
        };
        let version = version(path);
        if version == self.version {
            return None;
        }
        self.version = version;
        // A file that is gone stands for nothing, as one that cannot be read.
        Some(read(path).unwrap_or_default())
    }
}

/// The configuration, with the files that it comes from.
#[derive(Debug)]
pub(super) struct Files {
    config: ClientConfig,
    resolv_conf: Watched<ResolvConf>,
    hosts_file: Watched<Hosts>,
    conf: ResolvConf,
    hosts: Hosts,
    looked: Option<Instant>,
}

impl Files {
    pub(super) fn new(config: ClientConfig) -> Self {
        let watched_conf = Watched {
            origin: config.resolv_conf.clone(),
            version: None,
        };
        let watched_hosts = Watched {
            origin: config.hosts.clone(),
            version: None,
        };
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
            resolv_conf: watched_conf,
            hosts_file: watched_hosts,
            conf,
            hosts,
            looked: None,
        }
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(super) fn settings(&self) -> Settings {
        Settings::new(&self.config, &self.conf, interface_index)
    }

    /// Looks at the files where it is time to; new settings where they have changed.
    pub(super) fn look(&mut self, now: Instant) -> Option<Settings> {
        let first = self.looked.is_none();
        let due = self.looked.is_none_or(|at| now >= at + LOOK_EVERY);
        if !due || (!first && self.conf.options.no_reload) {
            return None;
        }
        self.looked = Some(now);
        if let Some(text) = self.hosts_file.changed() {
            self.hosts = Hosts::parse(&text);
        }
        let text = self.resolv_conf.changed();
        if text.is_none() && !first {
            return None;
        }
        // At the first look a file that is missing counts as an empty one.
        let watched = matches!(self.resolv_conf.origin, Origin::File(_));
        if let Some(text) = text.or_else(|| watched.then(Vec::new)) {
            let mut conf = ResolvConf::parse(&text);
            // A file that is being written names no server yet: what works is kept until it does.
            let whole = !conf.nameservers.is_empty() || self.config.servers.is_some();
            if whole || self.conf.nameservers.is_empty() {
                if self.config.environment {
                    let variable = |name| std::env::var(name).ok();
                    conf.apply_environment(
                        variable("LOCALDOMAIN").as_deref(),
                        variable("RES_OPTIONS").as_deref(),
                    );
                }
                self.conf = conf;
            } else {
                self.resolv_conf.version = None;
            }
        }
        Some(self.settings())
    }
}

fn version(path: &Path) -> Option<Version> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    if !metadata.is_file() {
        // A pipe is not the same when it has been read: once is all.
        return Some((None, 0, inode));
    }
    Some((metadata.modified().ok(), metadata.len(), inode))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// The index of a network interface by its name, as a scope of a link-local address has it;
/// `None` where there is no such interface, or where the system does not tell (elsewhere than on
/// Linux).
#[must_use]
pub fn interface_index(name: &str) -> Option<u32> {
    let plain = !name.is_empty()
        && name.len() < 16
        && !name.starts_with('.')
        && !name.contains(['/', '\0']);
    if !plain {
        return None;
    }
    let text = fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?;
    text.trim().parse().ok()
}
