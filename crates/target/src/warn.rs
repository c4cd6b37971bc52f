//! Warnings: what is valid in a target, but probably a mistake.

// From the ground up, where a module uses only those named before it: list; address, socket; host;
// parts.
mod address;
mod host;
mod list;
mod parts;
mod socket;

use alloc::vec::Vec;

pub(crate) use self::list::Oddity;
use self::list::OddityList;
use crate::TargetRef;
use crate::facts::ViewFacts;

/// Returns everything odd in a target, in the order of the checks: scheme, authority, endpoint,
/// query and fragment.
pub(crate) fn oddities(target: &TargetRef<'_>) -> Vec<Oddity> {
    let mut list = OddityList {
        target,
        oddities: Vec::new(),
    };
    parts::scheme(&mut list);
    parts::authority(&mut list);
    match target.facts().view {
        ViewFacts::Dns(found) => {
            parts::server(&mut list);
            host::dns(&mut list, &found);
        }
        ViewFacts::Srv => {
            parts::server(&mut list);
            host::name(&mut list, &target.endpoint());
        }
        ViewFacts::Ipv4 | ViewFacts::Ipv6 => address::addresses(&mut list),
        ViewFacts::Unix => socket::unix(&mut list),
        ViewFacts::UnixAbstract => socket::unix_abstract(&mut list),
        ViewFacts::Vsock { cid, port } => socket::vsock(&mut list, cid, port),
        ViewFacts::Passthrough(found) => host::passthrough(&mut list, found),
        _ => {}
    }
    parts::query_and_fragment(&mut list);
    list.oddities
}
