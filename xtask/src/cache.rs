//! Cache of tools: built from source once, kept by version in the user's cache folder.
//!
//! A clean clone finds them there, so it need not build them again.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The folder `trunkline` in the user's cache folder.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Returns the cache in `$XDG_CACHE_HOME/trunkline`, or in `~/.cache/trunkline`.
    pub(crate) fn of_user() -> Result<Self, Failure> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let base = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            // A relative path must be ignored (XDG base directory specification).
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .ok_or_else(|| {
                Failure::new("no cache folder: neither XDG_CACHE_HOME nor a home folder is known")
                    .remedy("set XDG_CACHE_HOME to a folder that can be written to")
            })?;
        Ok(Self {
            folder: base.join("trunkline"),
        })
    }

    /// Returns a folder for what a build tool keeps, which itself finds out what is out of date.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the folder of one tool. `make` fills it if it does not exist yet.
    ///
    /// `make` works in a temporary folder, which is renamed only when `make` has succeeded, so a
    /// tool in the cache is always complete. If `make` fails, the temporary folder is removed. Use
    /// `Moves::No` for a tool that does not work after a move, such as a Python environment.
    pub(crate) fn tool(
        &self,
        name: &str,
        moves: Moves,
        make: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let place = self.folder.join(name);
        let done = place.join(".complete");
        if done.exists() {
            return Ok(place);
        }
        let work = match moves {
            Moves::Yes => self.folder.join(format!(".{name}.{}", std::process::id())),
            Moves::No => place.clone(),
        };
        println!("    installing {name} (once for this user)");
        remove(&work)?;
        std::fs::create_dir_all(&work).map_err(|error| cannot("make", &work, &error))?;
        if let Err(failure) = make(&work) {
            // The next run would not find it: its folder has another name.
            let _ = std::fs::remove_dir_all(&work);
            return Err(failure);
        }
        let mark = work.join(".complete");
        std::fs::write(&mark, "").map_err(|error| cannot("write", &mark, &error))?;
        if moves == Moves::Yes {
            remove(&place)?;
            std::fs::rename(&work, &place).map_err(|error| cannot("make", &place, &error))?;
        }
        Ok(place)
    }
}

/// Whether a tool works after its folder was renamed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    /// It works.
    Yes,
    /// It does not work: it contains its own path.
    No,
}

/// Removes a folder that an interrupted installation may have left.
fn remove(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(cannot("remove", folder, &error))
        }
        _ => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

/// Returns a hash of the content of a folder (FNV-1a, 32 bits), so that changed sources are built
/// again.
///
/// Covers only files directly in the folder, in the order of their names.
pub(crate) fn fingerprint(folder: &Path) -> Result<String, Failure> {
    let unreadable = |error| cannot("read", folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut hash = 0x811c_9dc5_u32;
    for file in files {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        let content = std::fs::read(&file).map_err(|error| cannot("read", &file, &error))?;
        for byte in name.iter().chain(&content) {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
    Ok(format!("{hash:08x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failed `make` leaves no folder behind, and the next call makes the tool.
    #[test]
    fn a_tool_that_cannot_be_made() {
        let name = format!("trunkline-cache-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let cache = Cache {
            folder: folder.clone(),
        };
        for moves in [Moves::Yes, Moves::No] {
            let failed = cache.tool("tool", moves, |work| {
                std::fs::write(work.join("half"), "").expect("a file");
                Err(Failure::new("no network"))
            });
            assert_eq!(failed.expect_err("no tool").what, "no network");
            assert_eq!(folder.read_dir().expect("a folder").count(), 0);
        }
        let tool = cache.tool("tool", Moves::Yes, |_| Ok(()));
        assert!(tool.expect("a tool").join(".complete").exists());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
