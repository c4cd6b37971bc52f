//! A temporary folder.

use std::path::{Path, PathBuf};

/// A temporary folder, which is removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Creates the folder.
    pub(crate) fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("trunkline-codegen-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self(path))
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the text of the file `name` in the folder.
    pub(crate) fn read(&self, name: &str) -> Result<String, String> {
        let path = self.0.join(name);
        std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A temporary folder that is left behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
