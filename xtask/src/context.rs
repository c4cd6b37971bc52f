//! What every command and step is given.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::failure::Failure;
use crate::metadata::Metadata;
use crate::process::Run;

/// Where things are, and how much to print.
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

    /// Shows the output of programs as it comes, from now on.
    pub(crate) fn be_verbose(&self) {
        self.verbose.set(true);
    }

    /// A command line in the root of the repository; words are separated by blanks.
    pub(crate) fn run(&self, line: &str) -> Run {
        let mut words = line.split_whitespace();
        Run::new(words.next().unwrap_or_default(), self.verbose.get())
            .folder(&self.root)
            .args(words)
    }

    /// A program in the root of the repository.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Run {
        Run::new(program.as_ref(), self.verbose.get()).folder(&self.root)
    }

    /// What cargo knows of the workspace and of everything it depends on; asked once.
    pub(crate) fn metadata(&self) -> Result<&Metadata, Failure> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = Metadata::read(self.run(Metadata::COMMAND))?;
        Ok(self.metadata.get_or_init(|| metadata))
    }
}
