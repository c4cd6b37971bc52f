//! What a channel waits for, as text.

use super::client::Client;
use crate::core::ResourceName;
use crate::core::ads::ServerProgress;
use crate::core::dependencies::Awaited;

/// Returns what a channel waits for, for people: the first resource or name that is missing, the control
/// plane that is asked for it, how far that is, and how much more is missing. `None` if nothing is.
pub(super) fn awaited_text(awaited: &[Awaited], client: &Client) -> Option<String> {
    let (first, more) = awaited.split_first()?;
    let mut text = first.to_string();
    let asked = asked_text(first, client);
    if let Some(asked) = &asked {
        text.push_str(" of the control plane ");
        text.push_str(asked);
    }
    if !more.is_empty() {
        text.push_str(&format!(", and {} more", more.len()));
    }
    if asked.is_some() {
        let node = &client.shared().bootstrap.node.id;
        text.push_str(&format!("; xDS node {node:?}"));
    }
    Some(text)
}

/// Returns the control plane that is asked, and how far it is; `None` for what no control plane sends.
fn asked_text(awaited: &Awaited, client: &Client) -> Option<String> {
    let Awaited::Resource(kind, name) = awaited else {
        return None;
    };
    let asked = client.progress(*kind, name).or_else(|| {
        // It is not asked yet.
        let name = ResourceName::parse(*kind, name).ok()?;
        let servers = client.shared().bootstrap.servers_of(name.authority());
        let first = servers?.first()?;
        Some((first.clone(), ServerProgress::NotConnected))
    });
    let (server, progress) = asked?;
    Some(format!("{}, {progress}", server.uri))
}
