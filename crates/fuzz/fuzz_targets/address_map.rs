//! See [`trunkline_fuzz::address_map`].
#![cfg_attr(fuzzing, no_main)]
trunkline_fuzz::fuzz!(trunkline_fuzz::address_map);
