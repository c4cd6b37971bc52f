//! Failures of lookups, with every query and its outcome.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::{Absence, Name, NameError, RecordType, rcode};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupErrorKind {
    /// The name does not exist (NXDOMAIN): every candidate of the search list was denied, and none
    /// failed.
    NotFound,
    /// The name exists and has no records of the type that was asked for.
    NoData,
    /// No server gave a usable answer: SERVFAIL, REFUSED, silence, a malformed reply. A later
    /// lookup may succeed.
    Unavailable,
    /// The deadline of the whole lookup has passed.
    Deadline,
    /// The text is not a name that can be looked up. Nothing was sent.
    InvalidName,
}

impl LookupErrorKind {
    /// Returns the stable word for scripts: `not_found`, `no_data`, `unavailable`, `deadline`,
    /// `invalid_name`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoData => "no_data",
            Self::Unavailable => "unavailable",
            Self::Deadline => "deadline",
            Self::InvalidName => "invalid_name",
        }
    }

    /// Returns whether a later lookup may succeed: the failure is of servers, not of the name.
    #[must_use]
    pub fn is_soft(self) -> bool {
        matches!(self, Self::Unavailable | Self::Deadline)
    }
}

/// The transport of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection, with a length before each message.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// What one server did with one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerOutcome {
    /// The server answered with this many records of the type.
    Answered(usize),
    /// The server answered that the name has no such records.
    NoData,
    /// The server answered that the name does not exist (NXDOMAIN).
    NotFound,
    /// The reply did not fit into a datagram: the server is asked again over TCP.
    Truncated,
    /// The server does not support EDNS: it is asked again without.
    NoEdns,
    /// The server failed with this response code: SERVFAIL (2), REFUSED (5), NOTIMP (4), FORMERR
    /// (1), or another.
    Rcode(u16),
    /// The server is not authoritative for the name and does not recurse (a lame server).
    Lame,
    /// The reply cannot be used, for this reason.
    Malformed(&'static str),
    /// No reply that answers the query arrived in time.
    TimedOut,
    /// The operating system reported an error: refused, unreachable, reset.
    Io(io::ErrorKind),
    /// The server closed the connection before it had answered.
    Closed,
    /// The lookup ended before the server had answered.
    Abandoned,
}

impl ServerOutcome {
    /// Returns the stable word for scripts.
    ///
    /// One of `answer`, `no_data`, `nxdomain`, `truncated`, `no_edns`, `servfail`, `refused`,
    /// `notimp`, `formerr`, `rcode`, `lame`, `malformed`, `timed_out`, `connection_refused`,
    /// `unreachable`, `io_error`, `closed`, `abandoned`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Answered(_) => "answer",
            Self::NoData => "no_data",
            Self::NotFound => "nxdomain",
            Self::Truncated => "truncated",
            Self::NoEdns => "no_edns",
            Self::Rcode(rcode::FORMERR) => "formerr",
            Self::Rcode(rcode::SERVFAIL) => "servfail",
            Self::Rcode(rcode::NOTIMP) => "notimp",
            Self::Rcode(rcode::REFUSED) => "refused",
            Self::Rcode(_) => "rcode",
            Self::Lame => "lame",
            Self::Malformed(_) => "malformed",
            Self::TimedOut => "timed_out",
            Self::Io(io::ErrorKind::ConnectionRefused) => "connection_refused",
            Self::Io(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "unreachable"
            }
            Self::Io(_) => "io_error",
            Self::Closed => "closed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for ServerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(1) => f.write_str("answered with 1 record"),
            Self::Answered(count) => write!(f, "answered with {count} records"),
            Self::NoData => f.write_str("answered that there are no such records"),
            Self::NotFound => f.write_str("answered that the name does not exist (NXDOMAIN)"),
            Self::Truncated => f.write_str("reply truncated, asking over tcp"),
            Self::NoEdns => f.write_str("does not know EDNS, asking without"),
            Self::Rcode(rcode::FORMERR) => f.write_str("failed with FORMERR"),
            Self::Rcode(rcode::SERVFAIL) => f.write_str("failed with SERVFAIL"),
            Self::Rcode(rcode::NOTIMP) => f.write_str("failed with NOTIMP"),
            Self::Rcode(rcode::REFUSED) => f.write_str("refused the query (REFUSED)"),
            Self::Rcode(rcode::BADVERS) => f.write_str("failed with BADVERS"),
            Self::Rcode(code) => write!(f, "failed with response code {code}"),
            Self::Lame => {
                f.write_str("is not responsible for the name and asks no other server (lame)")
            }
            Self::Malformed(what) => write!(f, "sent a malformed reply: {what}"),
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::Io(kind) => kind.fmt(f),
            Self::Closed => f.write_str("closed the connection without an answer"),
            Self::Abandoned => f.write_str("had not answered when the lookup ended"),
        }
    }
}

/// One query to one server, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerAttempt {
    /// The server.
    pub server: SocketAddr,
    /// The transport of the query.
    pub transport: Transport,
    /// The name in the query: a candidate of the search list.
    pub name: Name,
    /// The type in the query.
    pub record_type: RecordType,
    /// What the server did.
    pub outcome: ServerOutcome,
    /// The time from the query to the outcome.
    pub elapsed: Duration,
    /// Number of messages on the sockets of the query that matched no query and were dropped: they
    /// were forged, or the server has mixed up queries.
    pub ignored: u32,
}

impl fmt::Display for ServerAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} over {} for {} {}: {} after {:.1} ms",
            self.server,
            self.transport,
            self.name,
            self.record_type,
            self.outcome,
            self.elapsed.as_secs_f64() * 1e3
        )?;
        match self.ignored {
            0 => Ok(()),
            1 => f.write_str(" (1 reply did not match)"),
            count => write!(f, " ({count} replies did not match)"),
        }
    }
}

/// A lookup without an answer: the name, the kind of failure, and every query with its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: LookupErrorKind,
    name: String,
    reason: Option<String>,
    attempts: Vec<ServerAttempt>,
    elapsed: Duration,
    absence: Absence,
}

impl LookupError {
    pub(crate) fn new(
        kind: LookupErrorKind,
        name: &str,
        reason: Option<String>,
        attempts: Vec<ServerAttempt>,
        elapsed: Duration,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            name: name.to_owned(),
            reason,
            attempts,
            elapsed,
            absence: Absence::default(),
        }))
    }

    pub(crate) fn with_absence(mut self, absence: Absence) -> Self {
        self.0.absence = absence;
        self
    }

    pub(crate) fn local(kind: LookupErrorKind, name: &str, reason: &str) -> Self {
        Self::new(
            kind,
            name,
            Some(reason.to_owned()),
            Vec::new(),
            Duration::ZERO,
        )
    }

    pub(crate) fn invalid(name: &str, error: &NameError) -> Self {
        Self::local(LookupErrorKind::InvalidName, name, &error.to_string())
    }

    /// Returns why there is no answer.
    #[must_use]
    pub fn kind(&self) -> LookupErrorKind {
        self.0.kind
    }

    /// Returns the name as the caller gave it, before any search list.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns why no server was asked, where none was, and which configured servers cannot be
    /// used.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Returns the CNAME chain of a name without records: the name that was asked for, then each
    /// name that the one before is an alias of. It is the last one that does not exist or has no
    /// records. Empty where the name is no alias, and for other errors.
    ///
    /// The names come from the network and may be hostile.
    #[must_use]
    pub fn aliases(&self) -> &[Name] {
        &self.0.absence.aliases
    }

    /// Returns what the reply without records has shown beyond that; empty for other errors.
    #[must_use]
    pub fn absence(&self) -> &Absence {
        &self.0.absence
    }

    /// Returns every query, with its server and what the server did, in the order of the outcomes.
    #[must_use]
    pub fn attempts(&self) -> &[ServerAttempt] {
        &self.0.attempts
    }

    /// Returns the text of the error without the attempts, for callers that list them separately.
    #[must_use]
    pub fn summary(&self) -> String {
        let inner = &*self.0;
        let name = inner.name.escape_debug();
        let mut text = match inner.kind {
            LookupErrorKind::NotFound if !self.aliases().is_empty() => {
                format!("the name {name} is an alias of a name that does not exist")
            }
            LookupErrorKind::NotFound => format!("the name {name} does not exist"),
            LookupErrorKind::NoData => {
                format!("the name {name} has no records of the type asked for")
            }
            LookupErrorKind::Unavailable => format!("no server could look up {name}"),
            LookupErrorKind::Deadline => format!(
                "the lookup of {name} did not end within {:.1} s",
                inner.elapsed.as_secs_f64()
            ),
            LookupErrorKind::InvalidName => format!("{name} is not a name to look up"),
        };
        let aliases = chain_text(self.aliases());
        let declared = inner
            .absence
            .is_declared
            .then_some("its SRV record has the target \".\": there is no such service (RFC 2782)");
        let parts = [aliases.as_deref(), declared, inner.reason.as_deref()];
        for (index, part) in parts.into_iter().flatten().enumerate() {
            text.push_str(if index == 0 { ": " } else { "; " });
            text.push_str(part);
        }
        text
    }

    /// Returns how long the lookup took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Returns the last response code from a server: 3 (NXDOMAIN), 2 (SERVFAIL), 0 (no data), ...
    #[must_use]
    pub fn rcode(&self) -> Option<u16> {
        self.0
            .attempts
            .iter()
            .rev()
            .find_map(|attempt| match attempt.outcome {
                ServerOutcome::Rcode(code) => Some(code),
                ServerOutcome::NotFound => Some(rcode::NXDOMAIN),
                ServerOutcome::NoData | ServerOutcome::Answered(_) | ServerOutcome::Lame => {
                    Some(rcode::NO_ERROR)
                }
                _ => None,
            })
    }
}

/// Returns a CNAME chain as text; the middle of a long one is left out. `None` for an empty one.
fn chain_text(aliases: &[Name]) -> Option<String> {
    /// Names of a chain that are shown.
    const SHOWN: usize = 5;
    let (first, rest) = aliases.split_first()?;
    let mut text = first.to_string();
    for (index, name) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len();
        if index + 2 < SHOWN || is_last {
            let hidden = rest.len().saturating_sub(SHOWN - 1);
            if is_last && hidden > 0 {
                text.push_str(&format!(", which leads over {hidden} more to {name}"));
            } else if index == 0 {
                text.push_str(&format!(" is an alias of {name}"));
            } else {
                text.push_str(&format!(", which is an alias of {name}"));
            }
        }
    }
    Some(text)
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        // Of a long list the last attempts are shown, since the lookup has failed with them.
        const SHOWN: usize = 8;
        let hidden = self.attempts().len().saturating_sub(SHOWN);
        for (index, attempt) in self.attempts().iter().skip(hidden).enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            if index == 0 && hidden > 0 {
                write!(f, "({hidden} earlier attempts); ")?;
            }
            attempt.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for LookupError {}
