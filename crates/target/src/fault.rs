//! What can be wrong with a target. [`explain`](crate::explain) writes the message for it.

use crate::ErrorKind;

/// What is wrong with a target, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) violation: Violation,
    /// A byte offset, in the text that the doc comment of the function that returns the fault
    /// names.
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) const fn new(violation: Violation, at: usize) -> Self {
        Self { violation, at }
    }

    /// Returns the same fault in a text that begins `offset` bytes earlier.
    pub(crate) const fn shifted(self, offset: usize) -> Self {
        Self::new(self.violation, self.at + offset)
    }
}

/// Returns the value, or returns the fault from the calling function: `?` for a `const fn`.
macro_rules! ok {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(fault) => return Err(fault),
        }
    };
}
pub(crate) use ok;

/// The rules that a text can violate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// 4 GiB or more.
    TooLong,
    /// A control character.
    Control,
    /// White space before or after the text.
    EdgeSpace,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// Escapes that do not decode to UTF-8.
    NotText,
    /// The default scheme is not among the known ones.
    DefaultScheme,
    /// A URI of an unknown scheme.
    UnknownScheme,
    /// A scheme that has no resolver and is never read as a host name.
    Unsupported,
    /// A character that the authority may not contain.
    AuthorityCharacter,
    /// An escape of an ASCII character in an authority's host.
    AuthorityEscape,
    /// A `%` in an authority's IPv6 literal that is not `%25`.
    AuthorityZone,
    /// An IPv6 literal without brackets, or another second colon.
    AuthorityColons,
    /// Brackets that are not closed, or do not contain an IPv6 literal.
    AuthorityBrackets,
    /// A port that is not a number up to 65535.
    AuthorityPort,
    /// A colon without a port after it.
    AuthorityPortMissing,
    /// A name that does not fit a DNS message.
    AuthorityName,
    /// An authority, although the scheme has none.
    AuthorityRefused,
    /// No endpoint after the scheme and the authority.
    EndpointMissing,
    /// A list with an empty element.
    ElementMissing,
    /// A NUL in a path.
    PathNul,
    /// More bytes than fit a Unix socket's address.
    PathTooLong,
    /// A control character in a host.
    HostControl,
    /// Two dots in a row, or a dot at the beginning.
    HostEmptyLabel,
    /// A label of more than 63 bytes.
    HostLabelTooLong,
    /// A name of more than 253 bytes.
    HostTooLong,
    /// More than one colon, but not an IPv6 literal.
    HostColons,
    /// A `[` without a `]`.
    HostBracketOpen,
    /// Text other than a port after a `]`.
    HostAfterBracket,
    /// Empty brackets, or brackets around text with colons that is not an IPv6 literal.
    HostBrackets,
    /// Not an IPv4 address.
    HostNotIpv4,
    /// Not an IPv6 address.
    HostNotIpv6,
    /// The name of an interface where only its number is accepted.
    HostZone,
    /// An IP address where a name is required.
    HostNotName,
    /// Not a vsock context id.
    Cid,
    /// A colon without a port, or no port where one is required.
    PortMissing,
    /// A port that is not a number.
    PortNotNumber,
    /// A port above its range.
    PortRange,
    /// A port where SRV records supply it.
    PortUnwanted,
}

impl Violation {
    pub(crate) const fn kind(self) -> ErrorKind {
        match self {
            Self::TooLong | Self::Control | Self::EdgeSpace => ErrorKind::Syntax,
            Self::Escape | Self::NotText | Self::AuthorityZone => ErrorKind::Escape,
            Self::DefaultScheme | Self::UnknownScheme => ErrorKind::Scheme,
            Self::Unsupported => ErrorKind::Unsupported,
            Self::AuthorityCharacter
            | Self::AuthorityEscape
            | Self::AuthorityColons
            | Self::AuthorityBrackets
            | Self::AuthorityPort
            | Self::AuthorityPortMissing
            | Self::AuthorityName
            | Self::AuthorityRefused => ErrorKind::Authority,
            Self::EndpointMissing | Self::ElementMissing | Self::PathNul | Self::PathTooLong => {
                ErrorKind::Endpoint
            }
            Self::HostControl
            | Self::HostEmptyLabel
            | Self::HostLabelTooLong
            | Self::HostTooLong
            | Self::HostColons
            | Self::HostBracketOpen
            | Self::HostAfterBracket
            | Self::HostBrackets
            | Self::HostNotIpv4
            | Self::HostNotIpv6
            | Self::HostZone
            | Self::HostNotName
            | Self::Cid => ErrorKind::Host,
            Self::PortMissing | Self::PortNotNumber | Self::PortRange | Self::PortUnwanted => {
                ErrorKind::Port
            }
        }
    }

    /// Returns what was expected at the place of the violation.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::TooLong => "less than 4 GiB",
            Self::Control => "printable characters; write others as %HH",
            Self::EdgeSpace => "no white space at the ends; write %20 for a space that is meant",
            Self::Escape => "two hexadecimal digits after `%`; write `%25` for a `%` itself",
            Self::NotText => "escapes that make UTF-8",
            Self::DefaultScheme => "a default scheme that is among the known ones",
            Self::UnknownScheme => "a known scheme",
            Self::Unsupported => "a scheme with a resolver",
            Self::AuthorityCharacter => "letters, digits and `-._~!$&'()*+,;=`",
            Self::AuthorityEscape => "the character itself: only non-ASCII ones are escaped here",
            Self::AuthorityZone => "`%25` between an IPv6 address and its zone",
            Self::AuthorityColons => "one colon, or an IPv6 address in brackets",
            Self::AuthorityBrackets => "`[`, an IPv6 address, `]`, and no more than a port",
            Self::AuthorityPort => "a port from 0 to 65535",
            Self::AuthorityPortMissing | Self::PortMissing => "a port after the colon",
            Self::AuthorityName => "labels of 1 to 63 bytes, 253 bytes in all",
            Self::AuthorityRefused => "no authority: this scheme has none",
            Self::EndpointMissing => "an endpoint",
            Self::ElementMissing => "an address between the commas",
            Self::PathNul => "a path without NUL",
            Self::PathTooLong => "at most 107 bytes, all that a socket's address holds",
            Self::HostControl => "a host name without control characters",
            Self::HostEmptyLabel => "labels of 1 to 63 octets between the dots",
            Self::HostLabelTooLong => "labels of at most 63 octets",
            Self::HostTooLong => "a name of at most 253 octets",
            Self::HostColons => "one colon, or an IPv6 address in brackets",
            Self::HostBracketOpen => "a `]`",
            Self::HostAfterBracket => "`:` and a port, or nothing, after `]`",
            Self::HostBrackets => "an IPv6 address in the brackets",
            Self::HostNotIpv4 => "an IPv4 address",
            Self::HostNotIpv6 => "an IPv6 address, in brackets where a port follows",
            Self::HostZone => "the number of the interface",
            Self::HostNotName => "a DNS name",
            Self::Cid => "a context id from 0 to 4294967295",
            Self::PortNotNumber => "a port number",
            Self::PortRange => "a port from 0 to 65535",
            Self::PortUnwanted => "a name alone: the SRV records bring the port",
        }
    }
}
