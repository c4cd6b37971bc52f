//! Texts that are targets, and probably slips.

mod host;
mod parts;
mod socket;

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Finding;
use crate::facts::ViewFacts;
use crate::octets::Span;
use crate::schemes::Schemes;
use crate::suggest::is_better;
use crate::{ErrorKind, TargetRef, Warning};

/// Everything odd, in the order of the checks: scheme, authority, endpoint, query and fragment.
pub(crate) fn warnings(target: &TargetRef<'_>) -> Vec<Warning> {
    let mut list = List {
        target,
        warnings: Vec::new(),
    };
    parts::scheme(&mut list);
    parts::authority(&mut list);
    match target.facts().view {
        ViewFacts::Dns(found) => host::dns(&mut list, &found),
        ViewFacts::Srv => host::name(&mut list, &target.endpoint()),
        ViewFacts::Ipv6 => host::swallowed_ports(&mut list),
        ViewFacts::Unix => socket::unix(&mut list),
        ViewFacts::UnixAbstract => socket::unix_abstract(&mut list),
        ViewFacts::Vsock { cid, port } => socket::vsock(&mut list, cid, port),
        ViewFacts::Passthrough(None) => list.push(
            ErrorKind::Port,
            list.endpoint().end,
            String::from("no host and port: only a connector of one's own can dial it"),
            "`host:port`",
            [],
        ),
        _ => {}
    }
    parts::query_and_fragment(&mut list);
    list.warnings
}

/// Warnings about one target.
struct List<'t> {
    target: &'t TargetRef<'t>,
    warnings: Vec<Warning>,
}

impl List<'_> {
    /// Adds a warning, with the first candidate that is a target.
    fn push<const N: usize>(
        &mut self,
        kind: ErrorKind,
        at: usize,
        message: String,
        expected: &'static str,
        candidates: [String; N],
    ) {
        let target = self.target;
        let mut known = Schemes::STANDARD.known().to_vec();
        known.push(target.scheme());
        let schemes = Schemes::new(&known, target.scheme());
        let suggestion = candidates
            .into_iter()
            .find(|candidate| is_better(candidate, target.as_str(), schemes));
        self.warnings.push(Warning(Finding {
            kind,
            at,
            message,
            expected,
            suggestion,
        }));
    }

    /// The endpoint in the text.
    fn endpoint(&self) -> Span {
        let text = self.target.as_str().as_bytes();
        self.target.split().endpoint(text)
    }

    /// The text with something else in one place.
    fn with(&self, span: Span, replacement: &str) -> String {
        let text = self.target.as_str();
        let before = text.get(..span.start).unwrap_or_default();
        let after = text.get(span.end..).unwrap_or_default();
        [before, replacement, after].concat()
    }

    /// The text with another endpoint.
    fn with_endpoint(&self, endpoint: &str) -> String {
        self.with(self.endpoint(), endpoint)
    }
}
