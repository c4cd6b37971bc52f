//! The numbers of record types and response codes.

/// A record type, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u16);

impl Type {
    /// An IPv4 address
    /// ([RFC 1035 section 3.2.2](https://www.rfc-editor.org/rfc/rfc1035#section-3.2.2)).
    pub const A: Self = Self(1);
    /// An alias (RFC 1035 section 3.2.2).
    pub const CNAME: Self = Self(5);
    /// The start of a zone (RFC 1035 section 3.2.2); its `minimum` limits how long a negative
    /// answer may be cached
    /// ([RFC 2308 section 5](https://www.rfc-editor.org/rfc/rfc2308#section-5)).
    pub const SOA: Self = Self(6);
    /// Strings (RFC 1035 section 3.2.2).
    pub const TXT: Self = Self(16);
    /// An IPv6 address
    /// ([RFC 3596 section 2.1](https://www.rfc-editor.org/rfc/rfc3596#section-2.1)).
    pub const AAAA: Self = Self(28);
    /// The host and port of a service ([RFC 2782](https://www.rfc-editor.org/rfc/rfc2782)).
    pub const SRV: Self = Self(33);
    /// The pseudo record of EDNS
    /// ([RFC 6891 section 6.1.1](https://www.rfc-editor.org/rfc/rfc6891#section-6.1.1)).
    pub const OPT: Self = Self(41);
}

/// A response code, by its number; a code above 15 needs EDNS to carry its upper bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error ([RFC 1035 section 4.1.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1)).
    pub const NOERROR: Self = Self(0);
    /// The server could not interpret the query (RFC 1035 section 4.1.1).
    pub const FORMERR: Self = Self(1);
    /// The server failed (RFC 1035 section 4.1.1).
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist (RFC 1035 section 4.1.1).
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not support this kind of query (RFC 1035 section 4.1.1).
    pub const NOTIMP: Self = Self(4);
    /// The server refuses to answer (RFC 1035 section 4.1.1).
    pub const REFUSED: Self = Self(5);
    /// The server does not support this EDNS version
    /// ([RFC 6891 section 9](https://www.rfc-editor.org/rfc/rfc6891#section-9)).
    pub const BADVERS: Self = Self(16);
}
