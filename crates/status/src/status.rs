//! The status of a call: a code and a message.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::text::Text;
use crate::{Code, decode_message, encode_message};

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Status of a call: a [`Code`] and a message for people.
///
/// Cheap to clone: clones share the message, so a picker that fails every call with one status
/// allocates nothing per call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    code: Code,
    message: Text,
}

impl Status {
    /// Returns a status with this code and message.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into().into(),
        }
    }

    /// Returns a status with this code and a message that is part of the program, for a constant.
    ///
    /// ```
    /// use trunkline_status::{Code, Status};
    ///
    /// static OK: Status = Status::from_static(Code::Ok, "");
    /// assert_eq!(OK, Status::new(Code::Ok, ""));
    /// ```
    #[must_use]
    pub const fn from_static(code: Code, message: &'static str) -> Self {
        Self {
            code,
            message: Text::Static(message),
        }
    }

    /// Returns `UNAVAILABLE` with this message.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// Returns `DEADLINE_EXCEEDED` with this message.
    pub fn deadline_exceeded(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::DeadlineExceeded, message)
    }

    /// Returns `INTERNAL` with this message.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the message; empty if there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the same code with the message that `f` builds from the current one.
    #[must_use]
    pub fn map_message(self, f: impl FnOnce(&str) -> String) -> Self {
        Self::new(self.code, f(&self.message))
    }

    /// Replaces the codes that only a server may use by `INTERNAL`.
    ///
    /// For a status that comes from a control plane (a policy, a resolver, a service config): with
    /// these codes the application would believe that a server had answered. The new message
    /// contains the old code and message.
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

    /// Returns the status as trailers: `grpc-status`, and `grpc-message` unless the message is
    /// empty.
    #[must_use]
    pub fn to_trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        self.add_to_trailers(&mut trailers);
        trailers
    }

    /// Adds the status to `trailers`. Replaces a status that they already contain.
    pub fn add_to_trailers(&self, trailers: &mut HeaderMap) {
        trailers.insert(
            GRPC_STATUS.clone(),
            HeaderValue::from(u16::from(self.code.number())),
        );
        if self.message.is_empty() {
            trailers.remove(&GRPC_MESSAGE);
        } else {
            trailers.insert(GRPC_MESSAGE.clone(), encode_message(&self.message));
        }
    }

    /// Reads the status of a call from its trailers; `None` if there is no `grpc-status`.
    ///
    /// A `grpc-status` that is not the number of a code becomes `UNKNOWN`, with a message that
    /// quotes it.
    #[must_use]
    pub fn from_trailers(trailers: &HeaderMap) -> Option<Self> {
        let value = trailers.get(&GRPC_STATUS)?;
        let message = trailers
            .get(&GRPC_MESSAGE)
            .map(decode_message)
            .unwrap_or_default();
        // `parse` alone would accept a sign.
        let digits = value
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
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
        if self.message.is_empty() {
            self.code.fmt(f)
        } else {
            write!(f, "{}: {}", self.code, self.message())
        }
    }
}

impl std::error::Error for Status {}
