//! Finds out what changes from one list of endpoints to the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use trunkline::Endpoint;

use crate::show;

/// The last list of endpoints. A DNS server may return the same addresses in another order each
/// time, so the order does not count.
#[derive(Debug, Default)]
pub(crate) struct EndpointChanges {
    /// `None` before the first list.
    last: Option<Arc<[Endpoint]>>,
}

impl EndpointChanges {
    /// Handles a list. Returns the endpoints of the last list whose addresses are not in this one;
    /// `None` when this list equals the last, or is the first one and empty: what routes calls by itself, as
    /// `xds` does, returns no list.
    pub(crate) fn handle_list(&mut self, list: &Arc<[Endpoint]>) -> Option<Vec<Endpoint>> {
        let last = self.last.replace(Arc::clone(list));
        let Some(last) = last else {
            return (!list.is_empty()).then(Vec::new);
        };
        if lines(&last) == lines(list) {
            return None;
        }
        let current: BTreeSet<String> = list.iter().map(addresses).collect();
        let removed = last.iter().filter(|it| !current.contains(&addresses(it)));
        Some(removed.cloned().collect())
    }

    /// Handles the end of the use of the list, for example after an answer that the name does not
    /// exist.
    pub(crate) fn handle_drop(&mut self) {
        self.last = None;
    }
}

/// Returns the endpoints with their attributes, sorted.
fn lines(list: &[Endpoint]) -> Vec<String> {
    let mut lines: Vec<String> = list.iter().map(show::endpoint_line).collect();
    lines.sort_unstable();
    lines
}

fn addresses(endpoint: &Endpoint) -> String {
    let addresses = endpoint.addresses().iter();
    let addresses: Vec<String> = addresses.map(ToString::to_string).collect();
    addresses.join(",")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// Lists without endpoints are no news before there was another one.
    #[test]
    fn empty_lists() {
        let empty: Arc<[Endpoint]> = Arc::new([]);
        let address: SocketAddr = "192.0.2.1:443".parse().expect("an address");
        let one: Arc<[Endpoint]> = Arc::new([Endpoint::new([address])]);
        let mut changes = EndpointChanges::default();
        assert_eq!(changes.handle_list(&empty), None);
        assert_eq!(changes.handle_list(&empty), None);
        assert_eq!(changes.handle_list(&one), Some(Vec::new()));
        assert_eq!(changes.handle_list(&empty), Some(one.to_vec()));
    }
}
