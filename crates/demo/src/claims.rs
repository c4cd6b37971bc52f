//! The claims of the demo, and whether each one held.

/// The claims, in the order in which they were judged.
#[derive(Debug, Default)]
pub(crate) struct Claims(Vec<Claim>);

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) text: &'static str,
    pub(crate) result: ClaimResult,
    /// The figures that decided it, as the backends counted them.
    pub(crate) evidence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimResult {
    Held,
    Failed,
    /// The claim cannot be tested on this machine.
    Skipped,
}

impl Claims {
    /// Records a claim as held or failed.
    pub(crate) fn judge(&mut self, text: &'static str, held: bool, evidence: String) -> &Claim {
        let result = if held {
            ClaimResult::Held
        } else {
            ClaimResult::Failed
        };
        self.push(text, result, evidence)
    }

    /// Records a claim as skipped, with the reason.
    pub(crate) fn skip(&mut self, text: &'static str, why: &str) -> &Claim {
        self.push(text, ClaimResult::Skipped, why.to_owned())
    }

    fn push(&mut self, text: &'static str, result: ClaimResult, evidence: String) -> &Claim {
        let at = self.0.len();
        self.0.push(Claim {
            text,
            result,
            evidence,
        });
        &self.0[at]
    }

    pub(crate) fn all(&self) -> &[Claim] {
        &self.0
    }

    /// Returns true when there are claims and none of them failed.
    pub(crate) fn hold(&self) -> bool {
        !self.0.is_empty() && self.count(ClaimResult::Failed) == 0
    }

    pub(crate) fn count(&self, result: ClaimResult) -> usize {
        self.0.iter().filter(|claim| claim.result == result).count()
    }
}
