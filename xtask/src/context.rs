//! The context of every command and step.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process::Run;

/// The repository, the cache, and whether to print the output of programs.
pub(crate) struct Context {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// The user's cache folder for tools.
    pub(crate) cache: Cache,
    verbose: Cell<bool>,
    metadata: OnceCell<Metadata>,
}

impl Context {
    /// Finds the repository and the cache.
    pub(crate) fn new() -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .ok_or_else(|| Failure::new("the xtask package has no folder above it"))?;
        Ok(Self {
            root: root.to_owned(),
            cache: Cache::of_user()?,
            verbose: Cell::new(false),
            metadata: OnceCell::new(),
        })
    }

    /// Prints the output of programs as it arrives, from now on.
    pub(crate) fn be_verbose(&self) {
        self.verbose.set(true);
    }

    /// Prepares a command line in the root of the repository. Its words are separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Run {
        let mut words = line.split_whitespace();
        Run::new(words.next().unwrap_or_default(), self.verbose.get())
            .folder(&self.root)
            .args(words)
    }

    /// Prepares a program in the root of the repository.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Run {
        Run::new(program.as_ref(), self.verbose.get()).folder(&self.root)
    }

    /// Returns cargo's metadata of the workspace and its dependencies. Runs cargo only once.
    pub(crate) fn metadata(&self) -> Result<&Metadata, Failure> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = Metadata::read(self.run(Metadata::COMMAND))?;
        Ok(self.metadata.get_or_init(|| metadata))
    }
}
