//! The files that are written.

/// A file of `docs/`, with its content.
pub(crate) type File = (&'static str, String);
