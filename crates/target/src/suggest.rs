//! Suggestions: texts that the user may have meant, in which nothing is wrong or odd.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::candidates::{candidates, is_too_long};
use crate::error::Finding;
use crate::facts::read;
use crate::fault::Fault;
use crate::schemes::Schemes;
use crate::{TargetRef, Warning, warn};

/// A suggestion is at most this many repairs away from the text. A text that needs more is not a
/// slip.
const REPAIRS: usize = 3;

/// The maximum number of texts that are tried for one suggestion.
const TEXTS: usize = 24;

/// Returns a target that the user may have meant instead of a text that is not a target.
pub(crate) fn suggest(text: &str, schemes: Schemes<'_>, fault: Fault) -> Option<String> {
    if is_too_long(text) {
        return None;
    }
    first_sound(candidates(text, schemes, fault), text, schemes)
}

/// Returns the warnings for a target, each with a suggestion if there is one.
pub(crate) fn warnings(target: &TargetRef<'_>) -> Vec<Warning> {
    let mut known = Schemes::STANDARD.known().to_vec();
    known.push(target.scheme());
    let schemes = Schemes::new(&known, target.scheme());
    let warning = |oddity: warn::Oddity| {
        let suggestion = first_sound(oddity.candidates, target.as_str(), schemes);
        Warning(Finding {
            suggestion,
            ..oddity.finding
        })
    };
    warn::oddities(target).into_iter().map(warning).collect()
}

/// Returns the first candidate in which nothing is wrong or odd. If there is none, tries the
/// repairs of the candidates in the same way. Never returns `text` itself.
fn first_sound(candidates: Vec<String>, text: &str, schemes: Schemes<'_>) -> Option<String> {
    let mut seen = vec![text.to_string()];
    let mut generation = candidates;
    for _ in 0..REPAIRS {
        let mut next = Vec::new();
        for candidate in generation {
            if seen.len() > TEXTS {
                return None;
            }
            if seen.contains(&candidate) {
                continue;
            }
            match repairs(&candidate, schemes) {
                Some(repairs) => next.extend(repairs),
                None => return Some(candidate),
            }
            seen.push(candidate);
        }
        generation = next;
    }
    None
}

/// Returns candidates for what a text may mean; `None` if nothing is wrong or odd in it.
fn repairs(text: &str, schemes: Schemes<'_>) -> Option<Vec<String>> {
    let split = match read(text.as_bytes(), schemes) {
        Ok(split) => split,
        Err(fault) => return Some(candidates(text, schemes, fault)),
    };
    let target = TargetRef::from_split(text, split);
    let slips: Vec<_> = warn::oddities(&target)
        .into_iter()
        .filter(|oddity| oddity.is_slip)
        .collect();
    if slips.is_empty() {
        return None;
    }
    Some(slips.into_iter().flat_map(|slip| slip.candidates).collect())
}
