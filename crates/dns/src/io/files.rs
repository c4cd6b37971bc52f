//! The files that the configuration comes from, read again when they change.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::Hosts;
use crate::config::{ClientConfig, Origin};
use crate::core::{Configuration, Settings};

/// The maximum number of bytes that are read of a file; block lists in a hosts file have some
/// megabytes.
const MAX_FILE: u64 = 16 << 20;

/// What differs between two versions of a file: time of change, length, inode.
type Version = (Option<SystemTime>, u64, u64);

/// A file, and the version of it that was read last.
#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    version: Option<Version>,
}

impl WatchedFile {
    fn new<T>(origin: &Origin<T>) -> Option<Self> {
        match origin {
            Origin::File(path) => Some(Self {
                path: path.clone(),
                version: None,
            }),
            Origin::None | Origin::Value(_) => None,
        }
    }

    /// Returns the bytes of the file where it has changed since it was last read. A file that is
    /// gone or cannot be read counts as empty.
    fn changed(&mut self) -> Option<Vec<u8>> {
        let version = version(&self.path);
        if version == self.version {
            return None;
        }
        self.version = version;
        Some(read(&self.path).unwrap_or_default())
    }
}

/// The configuration, with the files that it comes from.
#[derive(Debug)]
pub(super) struct Files {
    configuration: Configuration,
    resolv_conf: Option<WatchedFile>,
    hosts: Option<WatchedFile>,
}

impl Files {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self {
            resolv_conf: WatchedFile::new(&config.resolv_conf),
            hosts: WatchedFile::new(&config.hosts),
            configuration: Configuration::new(config),
        }
    }

    pub(super) fn hosts(&self) -> &Hosts {
        self.configuration.hosts()
    }

    /// Returns the settings; `interface` returns the index of an interface by its name.
    pub(super) fn settings(&self, interface: impl Fn(&str) -> Option<u32>) -> Settings {
        self.configuration.settings(interface)
    }

    /// Looks at the files where that is due; returns whether the settings may have changed.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        if !self.configuration.is_due(now) {
            return false;
        }
        let variable = |name: &str| std::env::var(name).ok();
        if let Some(text) = self.hosts.as_mut().and_then(WatchedFile::changed) {
            self.configuration.handle_hosts(&text);
        }
        if let Some(file) = &mut self.resolv_conf
            && let Some(text) = file.changed()
            && !self.configuration.handle_resolv_conf(&text, variable)
        {
            file.version = None;
        }
        self.configuration.handle_look(variable, now)
    }
}

/// Returns the version of a file; `None` where there is none.
fn version(path: &Path) -> Option<Version> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    if !metadata.is_file() {
        // Reading a pipe changes its metadata: without them it is read once.
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
