//! The error of a race without a winner.

use std::error::Error;
use std::fmt;
use std::io;

use crate::{AddressQuery, RaceReport};

/// The error of a race without a winner: every address, when it was started, and how it failed.
///
/// `{}` prints one line, `{:#}` that line and a table of all attempts.
#[derive(Debug)]
pub struct ConnectError(Box<RaceFailure>);

#[derive(Debug)]
struct RaceFailure {
    kind: ConnectErrorKind,
    target: String,
    report: RaceReport,
    lookup: Vec<(AddressQuery, io::Error)>,
}

/// The kind of a failure to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The name could not be looked up.
    Lookup,
    /// The list was empty, or the name has no addresses.
    NoAddresses,
    /// Every address failed.
    AllFailed,
    /// The time limit of the whole race passed.
    TimedOut,
    /// The race was stopped by its user.
    Aborted,
    /// The runtime cannot be used here, for example tokio outside of its context.
    Runtime,
}

impl ConnectError {
    /// Returns the error of a race that has ended without a winner.
    ///
    /// `target` is the host and port that the user passed, such as `example.com:443`; it may be
    /// empty. `lookup` has the queries that failed.
    pub fn new(
        kind: ConnectErrorKind,
        target: impl Into<String>,
        report: RaceReport,
        lookup: Vec<(AddressQuery, io::Error)>,
    ) -> Self {
        Self(Box::new(RaceFailure {
            kind,
            target: target.into(),
            report,
            lookup,
        }))
    }

    /// Returns the kind of the failure.
    pub fn kind(&self) -> ConnectErrorKind {
        self.0.kind
    }

    /// Returns the report of the race: every attempt, and the addresses that were not tried.
    pub fn report(&self) -> &RaceReport {
        &self.0.report
    }

    /// Returns the queries that failed, each with its error.
    pub fn lookup_errors(&self) -> &[(AddressQuery, io::Error)] {
        &self.0.lookup
    }

    /// Returns the error that explains most: that of the first attempt that has one, else that of
    /// the lookup.
    fn first_error(&self) -> Option<&io::Error> {
        let mut attempts = self.0.report.attempts();
        let failed = attempts.find_map(|attempt| attempt.error);
        failed.or_else(|| self.0.lookup.first().map(|(_, error)| error))
    }

    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0.report;
        let error = self.first_error();
        match self.0.kind {
            ConnectErrorKind::Lookup => f.write_str("the name cannot be looked up")?,
            ConnectErrorKind::Runtime => f.write_str("no runtime to connect with")?,
            ConnectErrorKind::NoAddresses => return f.write_str("there is no address"),
            ConnectErrorKind::Aborted => return f.write_str("given up"),
            ConnectErrorKind::TimedOut => {
                let elapsed = report.elapsed().unwrap_or_default().as_secs_f64();
                write!(f, "not connected after {elapsed:.3} s")?;
                return match report.attempts().len() {
                    0 => f.write_str(", waiting for the lookup"),
                    1 => f.write_str(", 1 address tried"),
                    tried => write!(f, ", {tried} addresses tried"),
                };
            }
            ConnectErrorKind::AllFailed => {
                let mut attempts = report.attempts();
                let count = attempts.len();
                if let Some(first) = attempts.find(|attempt| attempt.error.is_some()) {
                    match count {
                        1 => write!(f, "{}", first.address)?,
                        _ => write!(f, "all {count} addresses failed, {}", first.address)?,
                    }
                } else {
                    f.write_str("every attempt was given up")?;
                }
            }
        }
        match error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = &*self.0;
        if failure.target.is_empty() {
            f.write_str("cannot connect: ")?;
        } else {
            write!(f, "cannot connect to {}: ", failure.target)?;
        }
        self.write_reason(f)?;
        if !f.alternate() {
            return Ok(());
        }
        let tried = failure.report.attempts().len() + failure.report.untried().len();
        if tried > 0 {
            write!(f, "\n{}", failure.report)?;
        }
        for (query, error) in &failure.lookup {
            let what = match query {
                AddressQuery::All => "addresses",
                AddressQuery::Aaaa => "IPv6 addresses",
                AddressQuery::A => "IPv4 addresses",
            };
            write!(f, "\n  lookup of {what}: {error}")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.first_error().map(|error| error as _)
    }
}

/// The conversion keeps the kind of the first error, such as `ErrorKind::ConnectionRefused`. A
/// timeout becomes `TimedOut`, a stopped race `Interrupted`, and a list without addresses
/// `NotFound`.
impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        let kind = match error.kind() {
            ConnectErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ConnectErrorKind::Aborted => io::ErrorKind::Interrupted,
            ConnectErrorKind::NoAddresses => io::ErrorKind::NotFound,
            _ => error.first_error().map_or(io::ErrorKind::Other, Self::kind),
        };
        Self::new(kind, error)
    }
}
