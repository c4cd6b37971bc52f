//! How a command or a step says that it failed.

use std::process::ExitCode;

/// What failed, what was printed, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What failed, in one line.
    pub(crate) what: String,
    /// What the failed program printed; empty when it was shown already or there was none.
    pub(crate) output: String,
    /// What to do, where this is known better here than at the step.
    pub(crate) remedy: Option<String>,
    /// The exit status of the whole command.
    status: u8,
}

impl Failure {
    /// A failure without output.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            output: String::new(),
            remedy: None,
            status: 1,
        }
    }

    /// A command line that cannot be used: exit status 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            status: 2,
            ..Self::new(what)
        }
    }

    /// The same, with what was printed.
    pub(crate) fn output(self, output: impl Into<String>) -> Self {
        Self {
            output: output.into(),
            ..self
        }
    }

    /// The same, with what to do.
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// Prints it to standard error, and gives the exit status.
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
