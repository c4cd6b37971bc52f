//! See [`trunkline_fuzz::policies`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::policies);
