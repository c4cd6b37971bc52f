//! The certificate providers that clusters use.

use serde_json::{Value, json};
use trunkline::xds::{CertificateFilesDump, CertificateProviderDump, ClientDump};

use crate::out::{Line, Style};

/// Returns the providers as JSON, in the order of their names. A part that a provider does not have is
/// `null`.
pub(super) fn json(clients: &[ClientDump]) -> Value {
    let part = |part: &Option<CertificateFilesDump>| {
        part.as_ref().map(|part| {
            json!({
                "loaded": part.is_loaded,
                "problem": part.problem.as_deref(),
            })
        })
    };
    let providers = providers(clients);
    providers
        .map(|provider| {
            json!({
                "name": &*provider.instance,
                "roots": part(&provider.roots),
                "identity": part(&provider.identity),
            })
        })
        .collect()
}

/// Returns a line for each part of each provider.
pub(super) fn lines(clients: &[ClientDump]) -> Vec<Line> {
    let parts = providers(clients).flat_map(|provider| {
        let roots = provider.roots.iter().map(|part| ("roots", part));
        let identity = provider.identity.iter().map(|part| ("identity", part));
        let parts = roots.chain(identity);
        parts.map(|(name, part)| of_part(&provider.instance, name, part))
    });
    parts.collect()
}

fn of_part(instance: &str, name: &str, part: &CertificateFilesDump) -> Line {
    let line = Line::from(format!("certificate provider {instance}: {name}  "));
    match (&part.problem, part.is_loaded) {
        (None, _) => line.and_styled(Style::Good, "read"),
        (Some(problem), false) => line.and_styled(Style::Bad, format!("none: {problem}")),
        (Some(problem), true) => {
            let words = format!("those of before are in use: {problem}");
            line.and_styled(Style::Bad, words)
        }
    }
}

fn providers(clients: &[ClientDump]) -> impl Iterator<Item = &CertificateProviderDump> {
    let clients = clients.iter();
    clients.flat_map(|client| &client.certificate_providers)
}
