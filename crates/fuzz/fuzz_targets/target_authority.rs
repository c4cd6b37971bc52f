//! See [`trunkline_fuzz::target_authority`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::target_authority);
