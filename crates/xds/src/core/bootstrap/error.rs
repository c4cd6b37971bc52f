//! Why a bootstrap cannot be used.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The variable with the name of the bootstrap's file.
pub const FILE_VARIABLE: &str = "GRPC_XDS_BOOTSTRAP";

/// The variable with a bootstrap's JSON, where no file is named.
pub const CONFIG_VARIABLE: &str = "GRPC_XDS_BOOTSTRAP_CONFIG";

/// Error: there is no bootstrap, or it cannot be used. The text never quotes the contents of a file.
#[derive(Clone, Debug)]
pub struct BootstrapError {
    source: BootstrapSource,
    kind: BootstrapErrorKind,
}

/// Where a bootstrap comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootstrapSource {
    /// The program: it has a value or a text, or there is none at all.
    Program,
    /// The JSON in the variable `GRPC_XDS_BOOTSTRAP_CONFIG`.
    Variable,
    /// A file.
    File(PathBuf),
}

/// What is wrong with a bootstrap.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BootstrapErrorKind {
    /// No variable of the environment names one.
    NotSet,
    /// The file cannot be read.
    Unreadable(Arc<io::Error>),
    /// The text is no JSON.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 before the first byte of a line.
        column: usize,
        /// What is wrong there.
        text: String,
    },
    /// A field has a wrong value.
    Field {
        /// The path of the field, such as `xds_servers[0].channel_creds`; empty for the whole.
        field: String,
        /// What is wrong with it.
        text: String,
    },
}

impl BootstrapError {
    pub(super) fn new(source: BootstrapSource, kind: BootstrapErrorKind) -> Self {
        Self { source, kind }
    }

    /// Returns an error of the field at this place.
    pub(super) fn at(place: impl fmt::Display, text: impl Into<String>) -> Self {
        Self::new(
            BootstrapSource::Program,
            BootstrapErrorKind::Field {
                field: place.to_string(),
                text: text.into(),
            },
        )
    }

    /// Sets where the bootstrap comes from.
    pub(super) fn of(mut self, source: BootstrapSource) -> Self {
        self.source = source;
        self
    }

    /// Returns where the bootstrap comes from.
    #[must_use]
    pub fn origin(&self) -> &BootstrapSource {
        &self.source
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn kind(&self) -> &BootstrapErrorKind {
        &self.kind
    }
}

impl From<serde_json::Error> for BootstrapError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        Self::new(
            BootstrapSource::Program,
            BootstrapErrorKind::Syntax {
                line,
                column,
                text: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
            },
        )
    }
}

impl fmt::Display for BootstrapError {
    /// Prints a text such as `xds bootstrap /etc/xds.json: xds_servers: is missing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("xds bootstrap")?;
        if let BootstrapErrorKind::Unreadable(error) = &self.kind {
            return match &self.source {
                BootstrapSource::File(file) => {
                    write!(f, ": cannot read {}: {error}", file.display())
                }
                _ => write!(f, ": cannot be read: {error}"),
            };
        }
        match &self.source {
            BootstrapSource::Program => {}
            BootstrapSource::Variable => write!(f, " {CONFIG_VARIABLE}")?,
            BootstrapSource::File(file) => write!(f, " {}", file.display())?,
        }
        f.write_str(": ")?;
        match &self.kind {
            BootstrapErrorKind::NotSet => {
                write!(f, "neither {FILE_VARIABLE} nor {CONFIG_VARIABLE} is set")
            }
            BootstrapErrorKind::Unreadable(_) => Ok(()),
            BootstrapErrorKind::Syntax { line, column, text } => {
                write!(f, "line {line}, column {column}: {text}")
            }
            BootstrapErrorKind::Field { field, text } if field.is_empty() => f.write_str(text),
            BootstrapErrorKind::Field { field, text } => write!(f, "{field}: {text}"),
        }
    }
}

impl Error for BootstrapError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            BootstrapErrorKind::Unreadable(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}
