//! See [`trunkline_fuzz::certificate`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::certificate);
