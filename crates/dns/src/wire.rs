//! Messages on the wire: what is sent, and what is believed of what comes back.
//!
//! Nothing from the network is decoded before its outline is known to fit ([`Skeleton::walk`]);
//! then only the wanted records are, along the CNAME chain of the question ([`read_reply`]). No
//! message costs more than its length accounts for.

mod compressed;
mod query;
mod records;
mod reply;
mod response;
mod skeleton;

pub(crate) use self::query::{QueryMessage, encode};
pub use self::records::{Found, Records};
pub use self::reply::{Reply, read_reply};
pub(crate) use self::response::{CLIENT_COOKIE, Cookie, FinalReply, Reading, read};
pub use self::skeleton::{Malformed, Skeleton};

/// The size of datagrams that is asked for (DNS flag day 2020, RFC 9715).
pub(crate) const EDNS_PAYLOAD: u16 = 1232;
/// The class IN (RFC 1035 section 3.2.4).
pub(crate) const CLASS_IN: u16 = 1;
