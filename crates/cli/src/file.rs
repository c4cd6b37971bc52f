//! Reads and writes files that the command line names.
//!
//! A file may be a pipe whose other end is never opened or never closed, so everything but a regular
//! file is used on a thread of its own, for a limited time.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The most bytes of a file that are used, as in the DNS client: block lists in a hosts file have
/// some megabytes.
const MAX_LEN: u64 = 16 << 20;

/// The longest wait for a pipe to which a file is written.
const WRITE_LIMIT: Duration = Duration::from_secs(2);

/// A file that can be read.
#[derive(Debug)]
pub(crate) enum GivenFile {
    /// A regular file, which may change and be read again.
    Path(PathBuf),
    /// The contents of anything else: a pipe can be read only once.
    Contents(Vec<u8>),
}

/// Checks that a file can be read, and reads it within `limit` unless it is a regular file.
///
/// # Errors
///
/// Where the file cannot be opened, is longer than 16 MiB, or does not end in time.
pub(crate) fn open(path: &Path, limit: Duration) -> io::Result<GivenFile> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let path = path.to_owned();
    if metadata.is_file() {
        File::open(&path)?;
        check_len(metadata.len())?;
        return Ok(GivenFile::Path(path));
    }
    let contents = within(limit, move || {
        let mut contents = Vec::new();
        File::open(path)?
            .take(MAX_LEN + 1)
            .read_to_end(&mut contents)?;
        Ok(contents)
    })?;
    check_len(contents.len() as u64)?;
    Ok(GivenFile::Contents(contents))
}

fn check_len(len: u64) -> io::Result<()> {
    if len > MAX_LEN {
        let text = format!("it is longer than {MAX_LEN} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(())
}

/// Writes a file. Waits a limited time for the reader of a pipe.
pub(crate) fn write(path: &Path, contents: String) -> io::Result<()> {
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if !is_special {
        return fs::write(path, contents);
    }
    let path = path.to_owned();
    within(WRITE_LIMIT, move || fs::write(path, contents))
}

/// Does `work` on a thread, and waits for it for a limited time. Afterwards the thread stays behind
/// until the process ends.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = channel();
    // An error of `send` means that the wait is over.
    thread::Builder::new().spawn(move || drop(sender.send(work())))?;
    receiver.recv_timeout(limit).unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => {
                let text = format!("the other end of the pipe did not finish within {limit:?}");
                io::Error::new(io::ErrorKind::TimedOut, text)
            }
            RecvTimeoutError::Disconnected => io::Error::other("the thread for it has failed"),
        })
    })
}
