//! Status codes.

use std::fmt;
use std::str::FromStr;

/// Status code of a call.
///
/// Source: [status codes](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Code {
    /// No error.
    Ok = 0,
    /// The caller cancelled the call.
    Cancelled = 1,
    /// An error that no other code describes.
    Unknown = 2,
    /// The request is invalid, whatever the state of the server.
    InvalidArgument = 3,
    /// The deadline passed before the call completed.
    DeadlineExceeded = 4,
    /// The requested entity does not exist.
    NotFound = 5,
    /// The entity to create exists already.
    AlreadyExists = 6,
    /// The caller is known, and has no permission for this operation.
    PermissionDenied = 7,
    /// A quota or another limit is exhausted.
    ResourceExhausted = 8,
    /// The system is not in the state that the call needs.
    FailedPrecondition = 9,
    /// The call was aborted because of a conflict, such as a transaction that was rolled back.
    Aborted = 10,
    /// A value, such as an offset, is past the valid range.
    OutOfRange = 11,
    /// The server does not implement the method.
    Unimplemented = 12,
    /// An invariant is broken: a bug in the client, the server or between them.
    Internal = 13,
    /// The server cannot be used at present; a retry may succeed.
    Unavailable = 14,
    /// Data is lost or corrupted beyond recovery.
    DataLoss = 15,
    /// The call carries no valid credentials.
    Unauthenticated = 16,
}

/// All codes with their names, in the order of their numbers.
const NAMES: [(Code, &str); 17] = [
    (Code::Ok, "OK"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Unknown, "UNKNOWN"),
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::PermissionDenied, "PERMISSION_DENIED"),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (Code::Aborted, "ABORTED"),
    (Code::OutOfRange, "OUT_OF_RANGE"),
    (Code::Unimplemented, "UNIMPLEMENTED"),
    (Code::Internal, "INTERNAL"),
    (Code::Unavailable, "UNAVAILABLE"),
    (Code::DataLoss, "DATA_LOSS"),
    (Code::Unauthenticated, "UNAUTHENTICATED"),
];

impl Code {
    /// Returns the code with this number; `None` above 16.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let (code, _) = NAMES.get(usize::try_from(number).ok()?)?;
        Some(*code)
    }

    /// Returns the number that `grpc-status` carries.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the name in capitals, such as `DEADLINE_EXCEEDED`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.number())].1
    }

    /// Returns the code for a response without `grpc-status`. Such a response did not come from a
    /// gRPC server but, for example, from a proxy.
    ///
    /// Source: [HTTP to gRPC status code mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
    #[must_use]
    pub fn from_http_status(status: http::StatusCode) -> Self {
        match status.as_u16() {
            400 | 431 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Error: the text is not the name of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    /// Parses a name, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        NAMES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(code, _)| *code)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a gRPC status code; expected a name such as `UNAVAILABLE`",
            self.0
        )
    }
}

impl std::error::Error for UnknownCode {}
