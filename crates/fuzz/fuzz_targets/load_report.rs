//! See [`trunkline_fuzz::load_report`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::load_report);
