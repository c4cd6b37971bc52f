//! Statuses.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::text::Text;
use crate::{Code, decode_message, encode_message};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// How a call ended, and a text for people.
///
/// Cheap to clone: a text that was made is shared, so a picker that fails every call allocates
/// for none of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    code: Code,
    message: Text,
}

impl Status {
    /// A status with this code and text.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into().into(),
        }
    }

    /// `UNAVAILABLE` with this text.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// `DEADLINE_EXCEEDED` with this text.
    pub fn deadline_exceeded(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::DeadlineExceeded, message)
    }

    /// `INTERNAL` with this text.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same code, with a text that says more.
    #[must_use]
    pub fn map_message(self, f: impl FnOnce(&str) -> String) -> Self {
        Self::new(self.code, f(&self.message))
    }

    /// This status as it must be when it comes from a control plane (a policy, a resolver, a
    /// service config) and not from a server: codes that would make the application believe that
    /// a server answered become `INTERNAL`.
    ///
    /// Source: [gRFC A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md).
    #[must_use]
    pub fn restricted_to_control_plane(self) -> Self {
        match self.code {
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::DataLoss => Self::internal(format!(
                "the control plane used the status {}, which is for servers only (a bug in a \
                 resolver or policy): {}",
                self.code,
                self.message()
            )),
            _ => self,
        }
    }

    /// The status as trailers: `grpc-status`, and `grpc-message` if there is a text.
    #[must_use]
    pub fn to_trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        self.add_to_trailers(&mut trailers);
        trailers
    }

    /// Puts the status into `trailers`, in place of one that is there.
    pub fn add_to_trailers(&self, trailers: &mut HeaderMap) {
        trailers.insert(
            GRPC_STATUS,
            HeaderValue::from(u16::from(self.code.number())),
        );
        match self.message.is_empty() {
            true => drop(trailers.remove(GRPC_MESSAGE)),
            false => drop(trailers.insert(GRPC_MESSAGE, encode_message(&self.message))),
        }
    }

    /// Reads the status of a call from its trailers; `None` where there is no `grpc-status`.
    ///
    /// A `grpc-status` that is not the number of a code is `UNKNOWN`, with a text that quotes it.
    #[must_use]
    pub fn from_trailers(trailers: &HeaderMap) -> Option<Self> {
        let value = trailers.get(GRPC_STATUS)?;
        let message = trailers
            .get(GRPC_MESSAGE)
            .map(decode_message)
            .unwrap_or_default();
        // `parse` alone would take a sign.
        let digits = value
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
        let code = digits
            .and_then(|text| text.parse().ok())
            .and_then(Code::from_number);
        Some(match code {
            Some(code) => Self::new(code, message),
            None => Self::new(
                Code::Unknown,
                format!("the server sent the unknown grpc-status {value:?}: {message}"),
            ),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.is_empty() {
            true => self.code.fmt(f),
            false => write!(f, "{}: {}", self.code, self.message()),
        }
    }
}

impl std::error::Error for Status {}
