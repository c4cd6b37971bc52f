//! The failure of a command or a step.

use std::process::ExitCode;

/// What failed, the output of the failed program, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What failed, in one line.
    pub(crate) what: String,
    /// What the failed program printed. Empty if it was shown already, or if no program failed.
    pub(crate) output: String,
    /// What to do, if it is more specific than the step's remedy.
    pub(crate) remedy: Option<String>,
    /// Exit status of the whole command.
    status: u8,
}

impl Failure {
    /// Creates a failure without output.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            output: String::new(),
            remedy: None,
            status: 1,
        }
    }

    /// Creates a failure for a wrong command line, with exit status 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            status: 2,
            ..Self::new(what)
        }
    }

    /// Adds the output of the failed program.
    pub(crate) fn output(self, output: impl Into<String>) -> Self {
        Self {
            output: output.into(),
            ..self
        }
    }

    /// Adds what to do.
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// Prints the failure to standard error, and returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.output.is_empty() {
            eprintln!("{}", self.output.trim_end());
        }
        eprintln!("error: {}", self.what);
        if let Some(remedy) = &self.remedy {
            eprintln!("what to do: {remedy}");
        }
        ExitCode::from(self.status)
    }
}
