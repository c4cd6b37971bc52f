//! Sets of status codes.

use trunkline_status::Code;

/// A set of status codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeSet(u32);

impl CodeSet {
    pub(crate) fn new(codes: &[Code]) -> Self {
        Self(codes.iter().fold(0, |set, code| set | bit(*code)))
    }

    pub(crate) fn contains(self, code: Code) -> bool {
        self.0 & bit(code) != 0
    }
}

fn bit(code: Code) -> u32 {
    1 << code.number()
}
