//! The patterns of one resource.

use std::collections::BTreeMap;

use super::matcher::{Pattern, explain};
use super::rewrite::{REWRITE_SIZE_LIMIT, Rewrite};

/// Compiles the patterns of one resource, equal ones once.
///
/// A short pattern can take a megabyte, and a long time to compile. So what all patterns of a resource
/// take together is limited: a control plane can neither fill the memory nor occupy a thread.
#[derive(Debug)]
pub(crate) struct Patterns {
    compiled: BTreeMap<Box<str>, Pattern>,
    /// How many bytes all further patterns may take.
    left: usize,
}

/// The most bytes that all compiled patterns of a resource may take.
const LIMIT: usize = 32 << 20;

/// What a pattern may take, in steps: the size of a compiled pattern is not known, but a limit that it
/// keeps to is.
const STEPS: [usize; 3] = [1 << 12, 1 << 16, 1 << 20];

impl Default for Patterns {
    fn default() -> Self {
        Self {
            compiled: BTreeMap::new(),
            left: LIMIT,
        }
    }
}

impl Patterns {
    /// Compiles a pattern, or returns the earlier one with this source.
    ///
    /// # Errors
    ///
    /// The reason, for people, when it is no regular expression, or too large.
    pub(crate) fn compile(&mut self, source: &str) -> Result<Pattern, String> {
        if let Some(pattern) = self.compiled.get(source) {
            return Ok(pattern.clone());
        }
        for bytes in STEPS {
            if bytes > self.left {
                break;
            }
            // An attempt costs time, whatever its result is.
            self.left -= bytes;
            match Pattern::with_size_limit(source, bytes) {
                Ok(pattern) => {
                    self.compiled.insert(source.into(), pattern.clone());
                    return Ok(pattern);
                }
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(explain(source, &error)),
            }
        }
        let [.., most] = STEPS;
        if self.left < most {
            return Err(full());
        }
        Err(explain(source, &regex::Error::CompiledTooBig(most)))
    }

    /// Compiles a pattern and its substitution.
    ///
    /// # Errors
    ///
    /// The reason, for people, as [`Rewrite::new`] and [`compile`](Self::compile) have them.
    pub(crate) fn rewrite(&mut self, source: &str, substitution: &str) -> Result<Rewrite, String> {
        self.left = self.left.checked_sub(REWRITE_SIZE_LIMIT).ok_or_else(full)?;
        Rewrite::new(source, substitution)
    }
}

fn full() -> String {
    format!(
        "the regular expressions of the resource take more than {} MiB",
        LIMIT >> 20
    )
}
