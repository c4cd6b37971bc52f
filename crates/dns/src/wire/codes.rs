//! Numbers of the wire format that several modules use.

/// Bytes of the header of a message (RFC 1035 section 4.1.1).
pub(super) const HEADER: usize = 12;
/// Bytes of the fixed part of a question after its name: type and class (RFC 1035 section 4.1.2).
pub(super) const QUESTION: usize = 4;
/// Bytes of the fixed part of a record after its owner: type, class, TTL, length of the data (RFC
/// 1035 section 4.1.3).
pub(super) const RECORD: usize = 10;
/// The class IN (RFC 1035 section 3.2.4).
pub(super) const CLASS_IN: u16 = 1;
/// The type CNAME (RFC 1035 section 3.2.2).
pub(super) const CNAME: u16 = 5;
/// The type SOA (RFC 1035 section 3.2.2).
pub(super) const SOA: u16 = 6;
/// The type of the EDNS pseudo-record (RFC 6891 section 6.1.1).
pub(super) const OPT: u16 = 41;
/// The EDNS option COOKIE (RFC 7873 section 4).
pub(super) const COOKIE: u16 = 10;
