//! Texts that are targets, and probably slips.

mod address;
mod host;
mod parts;
mod socket;

use alloc::string::String;
use alloc::vec::Vec;

use crate::bytes::{Span, raw_index};
use crate::error::Finding;
use crate::explain::printable;
use crate::facts::ViewFacts;
use crate::schemes::Schemes;
use crate::suggest::{first_sound, is_too_long};
use crate::{ErrorKind, TargetRef, Warning};

/// What is odd in a target, and texts that may be meant in its place.
pub(crate) struct Oddity {
    pub(crate) finding: Finding,
    pub(crate) candidates: Vec<String>,
    /// The text is hardly right as it is; otherwise it may well be.
    pub(crate) is_slip: bool,
}

/// What is probably a slip, with what may be meant.
pub(crate) fn warnings(target: &TargetRef<'_>) -> Vec<Warning> {
    let mut known = Schemes::STANDARD.known().to_vec();
    known.push(target.scheme());
    let schemes = Schemes::new(&known, target.scheme());
    let warning = |oddity: Oddity| {
        let suggestion = first_sound(oddity.candidates, target.as_str(), schemes);
        Warning(Finding {
            suggestion,
            ..oddity.finding
        })
    };
    oddities(target).into_iter().map(warning).collect()
}

/// Everything odd, in the order of the checks: scheme, authority, endpoint, query and fragment.
pub(crate) fn oddities(target: &TargetRef<'_>) -> Vec<Oddity> {
    let mut list = List {
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

/// What is odd in one target.
struct List<'t> {
    target: &'t TargetRef<'t>,
    oddities: Vec<Oddity>,
}

impl List<'_> {
    /// Adds a slip, with candidates for what is meant, the likeliest first.
    fn slip(
        &mut self,
        kind: ErrorKind,
        at: usize,
        message: String,
        expected: &'static str,
        candidates: impl IntoIterator<Item = String>,
    ) {
        let candidates = match is_too_long(self.target.as_str()) {
            true => Vec::new(),
            false => candidates.into_iter().collect(),
        };
        self.oddities.push(Oddity {
            finding: Finding {
                kind,
                at,
                message: printable(message),
                expected,
                suggestion: None,
            },
            candidates,
            is_slip: true,
        });
    }

    /// Adds what may well be right as it is.
    fn note(&mut self, kind: ErrorKind, at: usize, message: String, expected: &'static str) {
        self.slip(kind, at, message, expected, []);
        if let Some(oddity) = self.oddities.last_mut() {
            oddity.is_slip = false;
        }
    }

    /// Where in the text the octet stands that is number `decoded` of the endpoint.
    fn at(&self, decoded: usize) -> usize {
        let endpoint = self.endpoint();
        let raw = endpoint.of(self.target.as_str().as_bytes());
        endpoint.start + raw_index(raw, decoded)
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
