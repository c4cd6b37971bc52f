//! Texts that are targets, and probably slips.

use alloc::vec::Vec;

use crate::{TargetRef, Warning};

pub(crate) fn warnings(_target: &TargetRef<'_>) -> Vec<Warning> {
    Vec::new()
}
