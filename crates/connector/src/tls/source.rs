//! Where certificates and keys come from: values, or files that may change.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes. The platforms' bundles of all roots have a quarter of a
/// megabyte.
const MAX_LEN: u64 = 4 << 20;

/// PEM from memory or from a file. `Debug` shows no contents: they may be a key.
#[derive(Clone)]
pub(super) enum PemSource {
    Value(Vec<u8>),
    File(PathBuf),
}

impl PemSource {
    /// Returns the contents: of a file, the present ones.
    pub(super) fn read(&self) -> Result<Vec<u8>, Unreadable> {
        match self {
            Self::Value(pem) => Ok(pem.clone()),
            Self::File(path) => read_file(path).map_err(|error| Unreadable {
                path: path.clone(),
                error,
            }),
        }
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// Names the source as an error does.
impl fmt::Display for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("the given PEM"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// A file that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    path: PathBuf,
    pub(super) error: io::Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be read: {}", self.path.display(), self.error)
    }
}

/// Reads a regular file of at most 4 MiB, as all files of certificates are read here.
///
/// # Errors
///
/// When the file cannot be read, is longer, or is anything else, which could block, such as a pipe.
#[doc(hidden)]
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        let text = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut contents = Vec::new();
    File::open(path)?
        .take(MAX_LEN + 1)
        .read_to_end(&mut contents)?;
    if contents.len() as u64 > MAX_LEN {
        let text = format!("it is longer than {MAX_LEN} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(contents)
}
