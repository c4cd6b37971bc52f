//! The error of this program.

/// Why a check failed, or could not be made.
pub(crate) type Wrong = Box<dyn std::error::Error + Send + Sync>;
