//! What somebody may have meant: a text in which nothing is wrong, and nothing odd.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::candidates::candidates;
use crate::facts::read;
use crate::fault::Fault;
use crate::schemes::Schemes;
use crate::{TargetRef, warn};

/// How many repairs lead to a suggestion: who needs more has not made a slip.
const REPAIRS: usize = 3;

/// How many texts are looked at for one suggestion.
const TEXTS: usize = 24;

/// The longest text for which anything is suggested, in octets: each candidate is a copy of it, there
/// may be a few hundred of them, and nobody has typed more.
const LONGEST: usize = 64 * 1024;

/// Whether a text is too long to make candidates from it.
pub(crate) const fn is_too_long(text: &str) -> bool {
    text.len() > LONGEST
}

/// What may be meant by a text that is no target.
pub(crate) fn suggest(text: &str, schemes: Schemes<'_>, fault: Fault) -> Option<String> {
    if is_too_long(text) {
        return None;
    }
    first_sound(candidates(text, schemes, fault), text, schemes)
}

/// The first candidate in which nothing is wrong or odd; where there is none, the first such text
/// among what the candidates are repaired to in their turn. Never `text` itself.
pub(crate) fn first_sound(
    candidates: Vec<String>,
    text: &str,
    schemes: Schemes<'_>,
) -> Option<String> {
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

/// Candidates for what a text is a slip of; `None` where it is none.
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
