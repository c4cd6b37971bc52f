//! A token in a file that is replaced from time to time.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::HeaderValue;
use trunkline_runtime::Lock;
use trunkline_status::{Code, Status};

/// The longest token, in bytes. Servers accept header lists of 8 to 64 KiB.
const MAX_TOKEN: usize = 64 * 1024;

/// The time from one read of the file to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads a token from a file, at most once a second.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    last: Lock<Option<LastRead>>,
}

#[derive(Debug)]
struct LastRead {
    at: Instant,
    /// The last token that could be read; until there is one, why not.
    header: Result<HeaderValue, Status>,
}

impl TokenFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            last: Lock::default(),
        }
    }

    /// Returns the value of the `authorization` header: with the token as it is in the file, or was a
    /// second ago at most; with an older one while the file cannot be read.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` if the file could never be read, `UNAUTHENTICATED` if it has no token. The file
    /// is read again a second later.
    pub(crate) fn header(&self, now: Instant) -> Result<HeaderValue, Status> {
        let mut last = self.last.lock();
        if let Some(last) = &*last
            && now.saturating_duration_since(last.at) < INTERVAL
        {
            return last.header.clone();
        }
        let read = read(&self.path);
        let known = last.take().and_then(|last| last.header.ok());
        let header = match (read, known) {
            (Ok(new), _) => Ok(new),
            (Err(_), Some(known)) => Ok(known),
            (Err(error), None) => Err(error),
        };
        *last = Some(LastRead {
            at: now,
            header: header.clone(),
        });
        header
    }
}

/// Reads the file. Its contents are in no text.
fn read(path: &Path) -> Result<HeaderValue, Status> {
    let text = read_bounded(path).map_err(|error| {
        let text = format!("the token file {} cannot be read: {error}", path.display());
        Status::unavailable(text)
    })?;
    let invalid = |what: &str| {
        let text = format!(
            "the token file {} has no valid token: {what}",
            path.display()
        );
        Status::new(Code::Unauthenticated, text)
    };
    if text.len() > MAX_TOKEN {
        return Err(invalid("it has more than 65536 bytes"));
    }
    header(text.trim_ascii()).map_err(invalid)
}

/// Reads at most one byte more than the longest token. What is no file, such as a pipe, could block.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    let limit = MAX_TOKEN as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

/// Returns the value of the `authorization` header with a token, or what is wrong with the token.
///
/// Source: [RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
pub(crate) fn header(token: &[u8]) -> Result<HeaderValue, &'static str> {
    if token.is_empty() {
        return Err("it is empty");
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err("it has a space, a line end or another character that no token has");
    }
    let value = [b"Bearer ", token].concat();
    let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value))
        .map_err(|_| "it cannot be sent in a header")?;
    value.set_sensitive(true);
    Ok(value)
}
