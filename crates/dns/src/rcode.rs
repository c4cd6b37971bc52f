//! Response codes.

/// RFC 1035 section 4.1.1.
pub(crate) const NO_ERROR: u16 = 0;
/// The server cannot read the query (RFC 1035 section 4.1.1).
pub(crate) const FORMERR: u16 = 1;
/// RFC 1035 section 4.1.1.
pub(crate) const SERVFAIL: u16 = 2;
/// The name does not exist (RFC 1035 section 4.1.1).
pub(crate) const NXDOMAIN: u16 = 3;
/// The server does not support this kind of query (RFC 1035 section 4.1.1).
pub(crate) const NOTIMP: u16 = 4;
/// RFC 1035 section 4.1.1.
pub(crate) const REFUSED: u16 = 5;
/// The server does not support the version of EDNS (RFC 6891 section 9).
pub(crate) const BADVERS: u16 = 16;
/// The server wants its own cookie in the query (RFC 7873 section 8).
pub(crate) const BADCOOKIE: u16 = 23;
