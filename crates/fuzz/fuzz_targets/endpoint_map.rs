//! See [`trunkline_fuzz::endpoint_map`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::endpoint_map);
