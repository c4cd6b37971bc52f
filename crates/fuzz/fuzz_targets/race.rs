//! See [`trunkline_fuzz::race`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::race);
